"""Temporary names say whose they are; a living process's file is never called dead."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ensemble_kit.disk import temporaries
from ensemble_kit.disk.temporaries import is_abandoned, is_dead, process_mark, temporary_name

NAMED = """
import sys
sys.path.insert(0, sys.argv[1])
from ensemble_kit.disk.temporaries import temporary_name
print(temporary_name(), flush=True)
input()
"""


def age(seconds):
    return {"now": 1e9 + seconds, "mtime": 1e9}


def test_a_name_holds_boot_process_and_start_as_the_system_tells_them():
    found = re.fullmatch(r"\.tmp-[0-9a-f]{8}-([0-9a-f]{8})-(\d+)-(\d+)-[0-9a-f]{8}\.npy", temporary_name(".npy"))
    assert int(found.group(2)) == os.getpid()
    if os.path.exists("/proc/self/stat"):
        with open("/proc/sys/kernel/random/boot_id") as file:
            assert file.read().startswith(found.group(1))
        with open("/proc/self/stat") as file:
            assert file.read().rpartition(")")[2].split()[19] == found.group(3)
    assert temporary_name() != temporary_name()


def test_a_process_is_alive_until_it_ends_however_old_its_file():
    command = [sys.executable, "-c", NAMED, str(Path(temporaries.__file__).parents[1])]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    name = child.stdout.readline().strip()
    assert not is_dead(name, **age(1e8))
    child.kill()
    time.sleep(0.2)
    assert is_dead(name, **age(0))  # not waited for yet, and dead
    child.communicate()
    assert is_dead(name, **age(0))


def test_a_number_that_another_process_has_now_says_nothing():
    mark = process_mark().rpartition("-")[0]
    assert not is_dead(f".tmp-{process_mark()}-00000000", **age(1e8))
    assert is_dead(f".tmp-{mark}-1-00000000", **age(0)) == os.path.exists("/proc/self/stat")


def test_another_start_of_this_machine_ended_them_all():
    place, boot, rest = process_mark().split("-", 2)
    other = f"{int(boot, 16) ^ 1:08x}"
    assert is_dead(f".tmp-{place}-{other}-{rest}-00000000", **age(0))


def test_of_another_machine_a_day_must_pass(monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    temporaries._place.cache_clear()
    temporaries._mark_of.cache_clear()
    name = temporary_name()
    monkeypatch.undo()
    temporaries._place.cache_clear()
    temporaries._mark_of.cache_clear()
    assert not is_dead(name, **age(86399))
    assert is_dead(name, **age(86401))


@pytest.mark.parametrize("name", [".tmp-0123456789abcdef", "tmpab3_x9zq.npy.tmp", "tmpab3_x9zq.npy.tmp.json"])
def test_names_of_earlier_versions_are_dead_after_an_hour(name):
    assert not is_dead(name, **age(3599))
    assert is_dead(name, **age(3601))


@pytest.mark.parametrize("name", ["member.json", ".tmp-mine", ".tmp", "tmpfile", ".tmp-0123456789abcdeg", ".lock"])
def test_what_a_person_named_is_never_ours(name):
    assert not is_dead(name, **age(1e9))


def test_under_the_lock_what_names_nobody_is_nobodys_and_what_names_a_living_process_is_its():
    assert is_abandoned(".tmp-00", **age(0))
    assert not is_abandoned(temporary_name(), **age(1e9))
    assert not is_abandoned("member.json", **age(1e9))
