import hashlib

import pytest

from ensemble_kit.errors import BadDataError, CorruptError
from ensemble_kit.pipeline.models.run_config import read_config
from ensemble_kit.storage.files.editable import read_editable, signed
from ensemble_kit.storage.runs.runs import write_config
from ensemble_kit.storage.submissions.quota_rules import QuotaRules, read_rules, write_rules

TEXT = b"quota: 5\nreset: '23:59'\n"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "desk.yaml"
    path.write_bytes(signed(TEXT))
    return path


def said_of(path):
    said = []
    return read_editable(path, said.append), said


def test_the_first_line_holds_the_sha256_of_all_that_follows(path):
    first, rest = path.read_bytes().split(b"\n", 1)
    assert first.decode() == f"# Written by ek; sha256 of what follows: {hashlib.sha256(rest).hexdigest()}"
    assert rest.startswith(TEXT)


def test_what_ek_wrote_is_read_without_a_word(path):
    assert said_of(path) == (path.read_bytes(), [])


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: data.replace(b"5", b"7"),
        lambda data: data + b"zone: UTC\n",
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.split(b"\n", 1)[1],
        lambda data: data[:-1],
        lambda data: data.replace(b"Written", b"written"),
    ],
    ids=["a value", "a line more", "other line ends", "no first line", "no last line feed", "the first line"],
)
def test_an_edited_file_is_taken_as_it_is_and_that_is_said(path, edit):
    path.write_bytes(edit(path.read_bytes()))
    assert said_of(path) == (path.read_bytes(), [f"{path} was edited since ek wrote it."])


@pytest.mark.parametrize("end", [0, 1, 20, 50, 90, 105, 115, -50, -20, -10])
def test_a_file_that_was_cut_off_is_refused_wherever_it_was_cut(path, end):
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(CorruptError, match=r"desk.yaml is empty or was cut off. Restore it .* or remove it"):
        said_of(path)


@pytest.mark.parametrize("own", [b"quota: 7\n", b"# a comment\nquota: 7"])
def test_a_persons_own_file_and_one_of_an_older_version_are_read_without_a_word(path, own):
    path.write_bytes(own)
    assert said_of(path) == (own, [])


def test_rules_that_were_edited_count_and_that_is_said(tmp_path):
    write_rules(tmp_path, QuotaRules(quota=3))
    path, said = tmp_path / "desk.yaml", []
    path.write_text(path.read_text().replace("quota: 3", "quota: 4"))
    assert read_rules(tmp_path, said.append).quota == 4
    assert said == [f"{path} was edited since ek wrote it."]


def test_rules_that_lost_a_line_are_no_defaults(tmp_path):
    write_rules(tmp_path, QuotaRules(quota=3))
    path = tmp_path / "desk.yaml"
    path.write_text(path.read_text().replace("quota: 3\n", ""))
    with pytest.raises(CorruptError, match=r"desk.yaml does not hold .*quota is missing"):
        read_rules(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(CorruptError, match="desk.yaml is empty"):
        read_rules(tmp_path)


def test_a_config_that_was_cut_off_trains_no_other_network_and_an_edited_one_says_so(tmp_path, capsys):
    write_config(tmp_path, {"epochs": 5, "lr": 0.25})
    path, known = tmp_path / "config.yaml", ("epochs", "lr")
    assert read_config(path, known) == {"epochs": 5, "lr": 0.25}
    assert capsys.readouterr().err == ""
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"epochs: 5", b"epochs: 7"))
    assert read_config(path, known)["epochs"] == 7
    assert capsys.readouterr().err == f"{path} was edited since ek wrote it.\n"
    path.write_bytes(whole[: whole.index(b"lr")])
    with pytest.raises(CorruptError, match="cut off"):
        read_config(path, known)
    path.write_bytes(whole.replace(b"epochs", b"\0\0\0\0\0\0"))
    with pytest.raises(BadDataError, match="is no YAML"):
        read_config(path, known)
