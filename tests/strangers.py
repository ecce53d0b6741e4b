"""Being another user: who may not read what root, or the owner, may."""

import os
import pwd
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534
ME = os.geteuid()


def name_of(number):
    """What a user is called, as `ls -l` has it."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


STRANGER = name_of(NOBODY if ME == 0 else ME)


@contextmanager
def as_a_stranger():
    """Within the block be a user without rights, where the tests run as root, who may read all."""
    if ME:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


@contextmanager
def handed_to_a_stranger(folder):
    """Give a copy of a folder that belongs to the stranger, where a stranger can reach it."""
    top = Path(tempfile.mkdtemp(prefix="stranger-"))
    top.chmod(0o755)
    copy = top / "work"
    shutil.copytree(folder, copy)
    for path in (copy, *copy.rglob("*")):
        if ME == 0:
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    before = os.getcwd()
    os.chdir(copy)
    try:
        yield copy
    finally:
        os.chdir(before)
        for path in (copy, *(path for path in copy.rglob("*") if path.is_dir())):
            path.chmod(0o755)  # from above, so that all below can be seen and removed
        shutil.rmtree(top, ignore_errors=True)
