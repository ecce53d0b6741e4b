"""What a person may have made or kept is never replaced unasked."""

import errno
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

from ensemble_kit.errors import InvalidOptionError, ResourceError
from ensemble_kit.storage.files import atomic, outputs
from ensemble_kit.storage.files.outputs import check_output, is_sealed, write_output
from ensemble_kit.storage.files.page_seal import page_voucher
from ensemble_kit.storage.files.png_seal import is_sealed_png, seal_png
from ensemble_kit.storage.submissions.sample_and_csv import check_replaceable, write_submission

TAKEN = "is there already. Give --replace, or another --out"
CHANGED = "is not as ek wrote it: another's, or edited since. Give --replace, or another --out"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files():
    return sorted(path.as_posix() for path in Path().rglob("*") if path.name != ".lock")


def put(path, content=b"new", replace=False):
    check_output(Path(path), replace)
    write_output(Path(path), [content], replace)


def test_an_output_that_is_there_stands_until_replace_is_given():
    Path("kept.csv").write_bytes(b"500 rows")
    with pytest.raises(InvalidOptionError, match=f"'kept.csv' {TAKEN}"):
        check_output(Path("kept.csv"), replace=False)
    with pytest.raises(InvalidOptionError, match=f"'kept.csv' {TAKEN}"):
        write_output(Path("kept.csv"), [b"new"], replace=False)
    assert Path("kept.csv").read_bytes() == b"500 rows"
    put("kept.csv", replace=True)
    assert Path("kept.csv").read_bytes() == b"new"
    assert files() == ["kept.csv"]


def test_an_empty_file_is_a_file_too():
    Path("mine.csv").touch()
    with pytest.raises(InvalidOptionError, match=TAKEN):
        check_output(Path("mine.csv"), replace=False)


def test_what_another_process_made_meanwhile_stands():
    check_output(Path("new.csv"), replace=False)

    def parts():
        yield b"ours"
        Path("new.csv").write_bytes(b"theirs")

    with pytest.raises(InvalidOptionError, match=TAKEN):
        write_output(Path("new.csv"), parts(), replace=False)
    assert Path("new.csv").read_bytes() == b"theirs"
    assert files() == ["new.csv"]


def test_of_many_writers_at_once_one_wins_and_the_others_are_told():
    start, told = threading.Barrier(8), []

    def write(number):
        start.wait()
        try:
            write_output(Path("new.csv"), [bytes([number]) * 1000], replace=False)
        except InvalidOptionError as error:
            told.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    content = Path("new.csv").read_bytes()
    assert len(told) == 7
    assert content == content[:1] * 1000
    assert files() == ["new.csv"]


def test_without_hard_links_a_file_is_created_and_none_is_replaced(monkeypatch):
    def refuse(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(atomic.os, "link", refuse)
    put("new.csv")
    with pytest.raises(InvalidOptionError, match=TAKEN):
        write_output(Path("new.csv"), [b"other"], replace=False)
    assert Path("new.csv").read_bytes() == b"new"
    assert files() == ["new.csv"]


def test_broken_off_nothing_stands_and_the_same_again_succeeds():
    def parts():
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_output(Path("new.csv"), parts(), replace=False)
    assert files() == []
    put("new.csv")


def test_a_link_is_followed_and_stays_a_link():
    Path("store").mkdir()
    Path("link.csv").symlink_to("store/new.csv")
    put("link.csv", b"first")  # it leads to nothing yet, so nothing is lost
    with pytest.raises(InvalidOptionError, match=f"'link.csv' {TAKEN}"):
        put("link.csv")
    put("link.csv", b"second", replace=True)
    assert Path("link.csv").is_symlink()
    assert Path("store/new.csv").read_bytes() == b"second"
    assert files() == ["link.csv", "store", "store/new.csv"]


def test_links_in_a_circle_and_folders_are_refused():
    Path("a.csv").symlink_to("b.csv")
    Path("b.csv").symlink_to("a.csv")
    Path("folder.csv").mkdir()
    Path("to-folder.csv").symlink_to("folder.csv")
    for replace in (False, True):
        with pytest.raises(InvalidOptionError, match="leads nowhere"):
            check_output(Path("a.csv"), replace)
        for name in ("folder.csv", "to-folder.csv"):
            with pytest.raises(InvalidOptionError, match="is a folder; wanted a file"):
                check_output(Path(name), replace)


def test_a_folder_that_is_not_there_is_made():
    put("new/deep/out.csv")
    assert Path("new/deep/out.csv").read_bytes() == b"new"


def test_a_place_that_takes_no_file_is_known_before_the_work(monkeypatch):
    Path("file").touch()
    with pytest.raises(ResourceError, match="Cannot write file/new.csv"):
        check_output(Path("file/new.csv"), replace=False)
    monkeypatch.setattr(os, "access", lambda path, mode, **more: False)
    with pytest.raises(ResourceError, match=r"Cannot write new.csv: .* belongs to .* and you are .*: chmod"):
        check_output(Path("new.csv"), replace=True)


def test_what_is_read_is_never_the_output():
    Path("train.csv").touch()
    Path("link.csv").symlink_to("train.csv")
    for name in ("train.csv", "link.csv", "../" + Path.cwd().name + "/train.csv"):
        with pytest.raises(InvalidOptionError, match="is what is read here"):
            check_output(Path(name), replace=True, inputs=[Path("train.csv")])


def test_devices_and_pipes_are_written_through_and_never_replaced():
    put("/dev/null")
    os.mkfifo("pipe.csv")
    heard = []
    reader = threading.Thread(target=lambda: heard.append(Path("pipe.csv").read_bytes()))
    reader.start()
    put("pipe.csv", b"through")
    reader.join()
    assert heard == [b"through"]
    assert not Path("/dev/null").is_file()
    assert Path("pipe.csv").is_fifo()


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_takes_an_output_where_it_stands(name):
    script = (
        "import sys; from pathlib import Path; from ensemble_kit.storage.files.outputs import *\n"
        "print('before', flush=True); path = Path(sys.argv[1])\n"
        "check_output(path, False); write_output(path, [b'rows\\n'], False); print('after')"
    )
    piped = subprocess.run([sys.executable, "-c", script, name], capture_output=True, check=False)
    assert (piped.stdout, piped.stderr) == (b"before\nrows\nafter\n", b"")
    with open("into.csv", "wb") as file:
        subprocess.run([sys.executable, "-c", script, name], stdout=file, check=True)
    assert Path("into.csv").read_bytes() == b"before\nrows\nafter\n"


def submit(labels=("cat", "dog"), replace=False, **provenance):
    check_replaceable(Path("s.csv"), replace)
    return write_submission(Path("s.csv"), ["1", "2"], labels, provenance=provenance, replace=replace)


def test_a_submission_is_made_anew_as_long_as_it_is_what_ek_wrote():
    submit()
    submit(("dog", "dog"))
    held = json.loads(Path("s.json").read_bytes())
    assert Path("s.csv").read_text() == "image_id,label\n1,dog\n2,dog\n"
    assert held["csv_sha256"] == hashlib.sha256(Path("s.csv").read_bytes()).hexdigest()
    assert outputs.REPLACES not in held
    assert files() == ["s.csv", "s.json"]


@pytest.mark.parametrize(
    "edit",
    {
        "a row": lambda: Path("s.csv").write_text("image_id,label\n1,dog\n2,dog\n"),
        "one byte more": lambda: Path("s.csv").write_text(Path("s.csv").read_text() + "\n"),
        "its JSON": lambda: Path("s.json").write_text(Path("s.json").read_text().replace("s.csv", "t.csv")),
        "no JSON": lambda: Path("s.json").unlink(),
        "notes as JSON": lambda: Path("s.json").write_text('{"my": "notes"}'),
        "a blend as JSON": lambda: Path("s.json").write_bytes(outputs.seal({"name": "s"})),
    }.items(),
    ids=lambda case: case[0],
)
def test_a_submission_that_was_edited_or_is_anothers_stands(edit):
    submit()
    edit[1]()
    before = {name: Path(name).read_bytes() for name in files()}
    with pytest.raises(InvalidOptionError, match=CHANGED):
        check_replaceable(Path("s.csv"), replace=False)
    with pytest.raises(InvalidOptionError, match=CHANGED):
        write_submission(Path("s.csv"), ["1", "2"], ["dog", "cat"])
    assert {name: Path(name).read_bytes() for name in files()} == before
    submit(replace=True)
    assert Path("s.csv").read_text() == "image_id,label\n1,cat\n2,dog\n"


def submit_until(lived):
    """Submit in a process of its own that is killed at its next replacement after so many."""
    child = os.fork()
    if child == 0:
        replace, left = os.replace, iter(range(lived))
        os.replace = lambda old, new: os._exit(9) if next(left, None) is None else replace(old, new)
        try:
            submit(("dog", "cat"))
        finally:
            os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.parametrize("first", [True, False])
def test_killed_at_any_replacement_the_same_again_succeeds_and_ends_in_the_same_bits(first):
    submit(("dog", "cat"))
    undisturbed = {name: Path(name).read_bytes() for name in files()}
    for lived in range(3):
        for path in Path().iterdir():
            path.unlink()
        if not first:
            submit(("cat", "dog"))
        submit_until(lived)
        submit(("dog", "cat"))
        assert {name: Path(name).read_bytes() for name in files() if not name.startswith(".tmp-")} == undisturbed


def test_a_page_and_its_numbers_are_a_pair_too():
    def write(text, numbers):
        outputs.write_pair(Path("p.json"), [numbers], page_voucher(Path("p.html"), text), replace=False)

    write(b"<html>1</html>", b"[1]")
    write(b"<html>2</html>", b"[2]")
    page = Path("p.html").read_bytes()
    assert page.startswith(b"<html>2</html>\n<!-- ")
    for name, content in (("p.html", page.replace(b"2", b"3", 1)), ("p.html", page + b"\n"), ("p.json", b"[3]")):
        whole = Path(name).read_bytes()
        Path(name).write_bytes(content)
        with pytest.raises(InvalidOptionError, match=f"'{name}' is there already"):
            write(b"<html>4</html>", b"[4]")
        Path(name).write_bytes(whole)
    write(b"<html>2</html>", b"[2]")
    assert Path("p.html").read_bytes() == page


def test_a_sealed_file_that_was_edited_stands():
    Path("b.json").write_bytes(outputs.seal({"weight": 0.5}))
    check_output(Path("b.json"), replace=False, option="--name", is_ours=is_sealed)
    Path("b.json").write_bytes(b'{"weight": 0.6}')
    with pytest.raises(InvalidOptionError, match="edited since. Give --replace, or another --name"):
        check_output(Path("b.json"), replace=False, option="--name", is_ours=is_sealed)
    check_output(Path("b.json"), replace=True, option="--name", is_ours=is_sealed)


def test_what_is_in_the_way_is_kept_aside_under_a_fresh_name_and_once_only():
    assert outputs.keep_aside(Path("p.png"), is_sealed_png) is None
    Path("p.png").write_bytes(b"annotated")
    Path("p-kept-1.png").write_bytes(b"older")
    for _ in range(2):
        assert outputs.keep_aside(Path("p.png"), is_sealed_png) == Path("p-kept-2.png")
    assert Path("p-kept-2.png").read_bytes() == Path("p.png").read_bytes() == b"annotated"
    assert Path("p-kept-1.png").read_bytes() == b"older"
    assert outputs.keep_aside(Path("p.png"), lambda data: True) is None


def test_a_sealed_image_is_a_image_that_knows_whether_it_was_edited():
    plain = io.BytesIO()
    Image.new("RGB", (5, 3), "red").save(plain, "PNG")
    sealed = seal_png(plain.getvalue())
    opened = Image.open(io.BytesIO(sealed))
    assert (opened.size, opened.getpixel((0, 0)), opened.text["sha256"][:2].isalnum()) == ((5, 3), (255, 0, 0), True)
    assert is_sealed_png(sealed)
    again = io.BytesIO()
    opened.save(again, "PNG")
    damaged = (sealed[:20] + b"x" + sealed[21:], sealed + b"x", sealed[:-1], b"", b"notes", plain.getvalue())
    assert not any(map(is_sealed_png, (*damaged, again.getvalue())))
