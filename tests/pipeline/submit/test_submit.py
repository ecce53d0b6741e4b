"""The submission desk as its user meets it: blends of the toy members handed in, checked, told, compared."""

import importlib
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import ensemble_kit as ek
import predictions
from ensemble_kit.cli import ek as command
from ensemble_kit.csv_text import parse_csv
from ensemble_kit.ensembling.contest.public_split import prediction_interval, telling
from ensemble_kit.errors import BadDataError, InvalidOptionError, MisalignedError, ResourceError, UnknownNameError
from ensemble_kit.pipeline.blends.submission_csv import read_noted
from ensemble_kit.pipeline.models.saved_blend import open_blend
from ensemble_kit.pipeline.submit import advice as desk
from ensemble_kit.reporting.terminal.notes import NOTES
from ensemble_kit.storage.files.ledger import append_entry
from ensemble_kit.storage.submissions import log as desk_ledger
from ensemble_kit.storage.submissions.check import Wanted, check_submission
from ensemble_kit.storage.submissions.log import HandedIn
from ensemble_kit.storage.submissions.quota_rules import QuotaRules

submitting = importlib.import_module("ensemble_kit.pipeline.submit.submit")

TOY = Path(predictions.__file__).parent / "toy"
QUIET = {"quiet": True}
COMPARED = submitting._compared
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def blended(tmp_path_factory):
    """A working folder with two members and two blends of them."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("cnn", "cnn-augmented"):
        shutil.copytree(TOY / name, folder / "predictions" / name)
    places = {name: folder / name for name in ("predictions", "blends", "submissions")} | {"cache": folder / ".ek"}
    ek.blend(weights="equal", name="all", **places, **QUIET)
    ek.blend(weights="cnn=1,cnn-augmented=9", name="two", **places, **QUIET)
    return folder


@pytest.fixture
def folder(blended, tmp_path, monkeypatch):
    """A copy of it to work in, at noon; two are not compared on val, which takes seconds."""
    shutil.copytree(blended, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    clock = [NOON]
    monkeypatch.setattr(desk, "now", lambda: clock[0])
    monkeypatch.setattr(submitting, "_compared", lambda *_: None)
    return clock


def rows_of(path):
    return parse_csv(Path(path).read_bytes(), path)


def write_sample(ids, header="Id,Class"):
    Path("sample.csv").write_text(header + "\n" + "".join(f"{one},?\n" for one in ids))
    return "sample.csv"


def typed(*words):
    return CliRunner().invoke(command, list(map(str, words)))


def test_a_blend_is_handed_in_as_the_sample_wants_it(folder):
    ids = [f"{place:04d}" for place in reversed(range(500))]
    report = ek.submit("two", sample=write_sample(ids), **QUIET)
    header, *rows = rows_of(report.csv)
    assert report.csv == Path("submissions/handed-in/two.csv")
    assert (header, [row[0] for row in rows]) == (["Id", "Class"], ids)
    by_blend = {Path(a).stem: b for a, b in rows_of("submissions/two.csv")[1:]}
    assert dict(rows) == by_blend
    wanted = Wanted(tuple(ids), tuple(sorted(set(by_blend.values()))), ("Id", "Class"))
    checked = check_submission(report.csv.read_bytes(), wanted)
    assert (checked.errors, checked.notes) == ((), ())
    saved = json.loads(Path("blends/two.json").read_text())["figures"]
    assert report.honest_accuracy == saved["honest_accuracy"]
    assert report.expected_public == pytest.approx(prediction_interval(saved["honest_accuracy"], 300, 250))
    assert (report.images, report.public_images, report.quota, report.left) == (500, 250, 5, 4)
    assert report.next_day == "2026-03-01T23:59:00+08:00"
    assert report.notes == ()


def test_members_that_val_had_a_part_in_are_said_to_flatter(folder, monkeypatch):
    def judged_by_val(*given):
        opened = open_blend(*given)
        changed = [one._replace(manifest=replace(one.manifest, val_used_for=("epoch",))) for one in opened.members]
        return opened._replace(members=tuple(changed))

    monkeypatch.setattr("ensemble_kit.pipeline.submit.drafts.open_blend", judged_by_val)
    note = ek.submit("two", check=True, **QUIET).notes[-1]
    assert note == "val also decided how cnn, cnn-augmented were made, so the honest estimate is flattered."


def test_groups_in_val_make_what_is_to_be_expected_wider():
    alone = HandedIn("", "x", 500, honest_accuracy=0.9, honest_interval=(0.861, 0.929), val_images=300)
    grouped = HandedIn("", "x", 500, honest_accuracy=0.9, honest_interval=(0.80, 0.96), val_images=300)
    narrow, wide = (desk.expected_public(one, QuotaRules()) for one in (alone, grouped))
    assert narrow == pytest.approx(prediction_interval(0.9, 300, 250), abs=0.005)
    assert wide[0] < narrow[0] - 0.03
    assert wide[1] > narrow[1] + 0.01


def test_a_check_writes_nothing_and_counts_for_nothing(folder):
    before = sorted(path for path in Path().rglob("*") if ".ek" not in path.parts)
    report = ek.submit("two", check=True, quota=1, **QUIET)
    assert (report.csv, report.left) == (None, 1)
    assert sorted(path for path in Path().rglob("*") if ".ek" not in path.parts) == before
    assert ek.submissions().submissions == ()
    Path("submissions").chmod(0o500)
    assert ek.submit("two", check=True, **QUIET).name == "two"


def test_the_quota_holds_until_the_reset_and_rules_are_said_once(folder):
    ek.submit("two", quota=2, reset="00:00", zone="Europe/Berlin", public_fraction=0.3, **QUIET)
    ek.submit("all", **QUIET)
    with pytest.raises(
        InvalidOptionError, match=r"2 of 2 .* begins 2026-03-02 00:00 in the judge's zone \(Europe/Berlin"
    ):
        ek.submit("two", again=True, **QUIET)
    assert ek.submit("two", check=True, **QUIET).left == 0
    folder[0] = datetime(2026, 3, 1, 22, 59, 59, tzinfo=UTC)
    with pytest.raises(InvalidOptionError, match="2 of 2"):
        ek.submit("two", again=True, **QUIET)
    folder[0] += timedelta(seconds=1)
    report = ek.submit("two", again=True, **QUIET)
    assert (report.name, report.left, report.public_images) == ("two-2", 1, 150)


def test_the_same_predictions_are_refused_unless_asked_for_again(folder):
    ek.submit("two", **QUIET)
    with pytest.raises(InvalidOptionError, match="handed in before, as 'two'.*--again"):
        ek.submit("two", **QUIET)
    shutil.copy("submissions/two.csv", "copied.csv")
    with pytest.raises(InvalidOptionError, match="handed in before, as 'two'"):
        ek.submit(csv="copied.csv", **QUIET)
    assert ek.submit("two", check=True, **QUIET).same_as == "two"
    assert ek.submit("two", again=True, **QUIET).same_as == "two"


def test_the_same_that_another_process_handed_in_meanwhile_is_refused(folder, monkeypatch):
    read_log, looks = desk_ledger.read_log, []

    def overtaken(where):
        looks.append(read_log(where))
        if len(looks) == 1:
            ek.submit("two", **QUIET)
        return looks[0]

    monkeypatch.setattr(desk_ledger, "read_log", overtaken)
    with pytest.raises(InvalidOptionError, match="handed in before, as 'two'"):
        ek.submit("two", **QUIET)
    assert [one.name for one in read_log(Path("submissions"))] == ["two"]


def test_what_changed_is_counted_and_what_the_public_part_can_tell_is_said(folder, monkeypatch):
    monkeypatch.setattr(submitting, "_compared", COMPARED)
    found = []
    monkeypatch.setattr(
        submitting, "compare", lambda *given, **named: found.append(ek.compare(*given, **named)) or found[-1]
    )
    ek.submit("two", **QUIET)
    change = ek.submit("all", **QUIET).change
    two, both = (dict(rows_of(f"submissions/{name}.csv")[1:]) for name in ("two", "all"))
    moved = [(two[one], both[one]) for one in two if two[one] != both[one]]
    assert (change.previous, change.changed) == ("two", len(moved))
    assert [move.images for move in change.moves] == sorted((moved.count(m) for m in set(moved)), reverse=True)[:5]
    assert all(moved.count((move.before, move.after)) == move.images for move in change.moves)
    told = telling(len(moved), 500, 250)
    assert (change.public_rows, change.smallest) == (told.public_rows, told.smallest / 250)
    [compared] = found
    assert (compared.a, compared.b) == ("blends/all.json", "blends/two.json")
    assert change.val_gain == compared.difference
    assert 0 < change.chance < 1


def test_a_previous_one_that_is_gone_does_not_stop_the_next(folder):
    ek.submit("two", **QUIET)
    Path("submissions/handed-in/two.csv").unlink()
    Path("blends/two.json").unlink()
    assert ek.submit("all", **QUIET).change is None
    report = ek.submissions()
    assert [one.changed for one in report.submissions] == [None, None]
    assert "'two' cannot be compared with the others: " in report.notes[0]


def test_a_previous_one_that_cannot_be_compared_is_said(folder, monkeypatch):
    monkeypatch.setattr(submitting, "_compared", COMPARED)
    ek.submit("two", **QUIET)
    ek.blend(weights="cnn=2,cnn-augmented=8", name="two", replace=True, **QUIET)
    report = ek.submit("all", **QUIET)
    assert "Not compared on val with 'two': blends/two.json was made anew since." in report.notes
    assert report.change.val_gain is None


def test_a_blend_is_handed_in_in_the_form_of_the_sample_that_it_was_blended_with(folder):
    ids = [one.removesuffix(".png") for one, _ in reversed(rows_of("submissions/two.csv")[1:])]
    sample = write_sample(ids)
    ek.blend(weights="equal", name="shaped", sample=sample, **QUIET)
    Path(sample).unlink()
    report = ek.submit("shaped", **QUIET)
    assert report.csv.read_bytes() == Path("submissions/shaped.csv").read_bytes()
    assert [one for one, _ in rows_of(report.csv)] == ["Id", *ids]
    assert NOTES["no-sample"] not in report.notes
    ek.blend(weights="cnn=2,cnn-augmented=1", name="shaped", replace=True, **QUIET)
    assert NOTES["no-sample"] in ek.submit("shaped", **QUIET).notes


def test_a_csv_made_elsewhere_is_checked_and_written_plainly(folder):
    header, *rows = rows_of("submissions/two.csv")
    text = "\ufeff" + "".join(f'"{a}","{b}"\r\n' for a, b in [header, *reversed(rows)])
    Path("mine.csv").write_bytes(text.encode())
    report = ek.submit(csv="mine.csv", sample=write_sample([a for a, _ in rows], "image_id,label"), **QUIET)
    assert report.csv.read_bytes() == Path("submissions/two.csv").read_bytes()
    assert (report.name, report.blend, report.honest_accuracy, report.expected_public) == ("mine", None, None, None)
    assert [note.partition(": ")[2].split(". ")[0] for note in report.notes] == [
        "line 1: the file begins with a byte-order mark",
        "lines end in CR LF, as on Windows",
        "line 2: rows stand in another order than wanted, from here on",
    ]
    Path("mine.csv").write_text(text.replace('"0003.png"', '"3.png"').replace("\ufeff", "").replace("\r", ""))
    with pytest.raises(
        BadDataError, match=r"mine.csv is not fit.*\n  line 498: ids have lost their leading zeros: '3.png'"
    ):
        ek.submit(csv="mine.csv", **QUIET)


def test_files_in_another_encoding_with_semicolons_are_read_and_said_and_so_are_labels_that_are_no_class(folder):
    header, *rows = rows_of("submissions/two.csv")
    Path("mine.csv").write_bytes("\n".join(";".join(row) for row in [header, *rows]).encode("utf-16"))
    Path("sample.csv").write_bytes("\n".join(["image_id\tlabel", *(f"{a}\tcafé" for a, _ in rows)]).encode("cp1252"))
    given = ("submit", "--csv", "mine.csv", "--sample", "sample.csv", "--check", "--json")
    refused = typed(*given)
    assert (refused.exit_code, "likely cp1252 (which reads 'café')" in refused.stderr) == (3, True)
    done = typed(*given, "--encoding", "cp1252")
    assert done.exit_code == 0
    notes = " ".join(json.loads(done.stdout)["notes"])
    for said in (
        "is read as separated by tabs",
        "sample ('café') is a class of ours ('ada', ",
        "file is UTF-16",
        "semicolons",
    ):
        assert said in notes


def test_a_csv_without_members_needs_a_sample(folder):
    Path("mine.csv").write_text("Id,Class\na,x\nb,y\n")
    with pytest.raises(InvalidOptionError, match="no member in 'none' that knows the test images; give --sample"):
        ek.submit(csv="mine.csv", predictions="none", **QUIET)
    report = ek.submit(csv="mine.csv", sample=write_sample("ab"), predictions="none", **QUIET)
    assert report.balance is None
    assert "the names of classes could not be checked" in report.notes[0]


def test_options_and_members_that_do_not_fit_are_refused(folder):
    with pytest.raises(InvalidOptionError, match="--blend or --csv, not both"):
        ek.submit("two", csv="x.csv")
    with pytest.raises(InvalidOptionError, match="'blends' holds 2 blends: all, two"):
        ek.submit()
    with pytest.raises(InvalidOptionError, match="There is no blend blends/thr.json"):
        ek.submit("thr")
    with pytest.raises(MisalignedError, match="first: 'zz'"):
        ek.submit("two", sample=write_sample(["zz"]))
    with pytest.raises(InvalidOptionError, match="Wanted a zone"):
        ek.submit("two", zone="Mars")
    assert not Path("submissions/handed-in").exists()


def test_a_blend_whose_members_know_no_test_is_refused(folder):
    rng = np.random.default_rng(0)
    ids, labels = [f"{place}.png" for place in range(61)], np.arange(61) % 3
    np.savez("bare.npz", image_ids=ids, classes=["x", "y", "z"], scores=rng.normal(size=(61, 3)), labels=labels)
    ek.members_add("bare", "bare.npz", kind="logits", predictions="bare")
    ek.blend(["bare"], name="bare", predictions="bare", **QUIET)
    with pytest.raises(MisalignedError, match="Blend 'bare' cannot be submitted: no test logits in member 'bare'"):
        ek.submit("bare", predictions="bare", **QUIET)


def test_classes_that_come_too_often_are_warned_of(folder):
    rows = rows_of("submissions/two.csv")[1:]
    Path("mine.csv").write_text("image_id,label\n" + "".join(f"{a},{'ada' if b < 'f' else b}\n" for a, b in rows))
    report = ek.submit(csv="mine.csv", check=True, **QUIET)
    assert report.balance.p == 0.0001
    assert report.balance.classes[0].name == "ada"
    printed = typed("submit", "--csv", "mine.csv", "--check").stdout
    assert "Warning: classes do not come as often as in val (chi-square, p < 0.001)." in printed
    assert ek.submit("two", check=True, **QUIET).balance.p > 0.01


def test_a_public_score_that_the_honest_estimate_did_not_promise_is_warned_of(folder):
    ek.submit("two", **QUIET)
    low, high = ek.submissions().submissions[0].expected_public
    for score, surprising, said in ((low, False, ""), (low - 0.004, True, "below"), (high + 0.004, True, "above")):
        report = ek.submissions_score("two", score)
        assert (report.submissions[0].public, report.submissions[0].surprising) == (score, surprising)
        assert [f" is {said} the " in note for note in report.notes] == [True] * surprising


def test_public_scores_that_rank_otherwise_are_named_with_what_that_means(folder):
    ek.submit("two", **QUIET)
    ek.submit("all", **QUIET)
    shown = ek.submissions().submissions
    better, worse = sorted(shown, key=lambda one: -one.honest_accuracy)
    ek.submissions_score(better.name, 0.86)
    [note] = ek.submissions_score(worse.name, 0.868).notes
    assert note.startswith(f"The public scores put '{worse.name}' before '{better.name}', the honest estimates")
    assert "0.8 points on 250 public images are within chance" in note
    notes = ek.submissions_score(worse.name, 0.94).notes
    assert any("8.0 points on 250 public images are more than chance" in note for note in notes)


def test_scores_further_apart_than_the_images_that_differ_cannot_both_be_right(folder):
    ek.submit("two", **QUIET)
    differ = ek.submit("all", **QUIET).change.changed
    ek.submissions_score("two", 0.8)
    assert not any("cannot both" in note for note in ek.submissions_score("all", 0.81 + differ / 250).notes)
    note = ek.submissions_score("all", 0.8 + (differ + 3) / 250).notes[0]
    assert note.startswith("The public scores of 'two' and 'all' cannot both be right")
    assert f"which is {differ + 3} of 250 public images, and only {differ} images differ" in note


def test_one_changed_image_is_said_as_one(folder):
    ek.submit("two", **QUIET)
    header, first, *rows = rows_of("submissions/two.csv")
    first = [first[0], next(label for _, label in rows if label != first[1])]
    Path("near.csv").write_text("".join(f"{a},{b}\n" for a, b in (header, first, *rows)))
    said = " ".join(typed("submit", "--csv", "near.csv", "--check").stdout.split())
    assert "Against 'two': 1 image changed: " in said
    assert "If all of them are public, the score moves by 0.4 points at most; no difference can be told" in said


def test_the_final_two_are_the_best_and_the_most_different_as_good(folder):
    assert ek.submissions().final_two == ()
    ek.submit("two", **QUIET)
    assert ek.submissions().final_two == ("two",)
    ek.submit("two", again=True, **QUIET)
    ek.submit("all", **QUIET)
    best = max(ek.submissions().submissions, key=lambda one: one.honest_accuracy)
    assert ek.submissions().final_two == (best.name, "all" if best.name == "two" else "two")
    assert ("within half a standard" in " ".join(typed("submissions").stdout.split())) == ek.submissions().as_good


def test_without_honest_estimates_the_final_two_go_by_public_scores(folder):
    for name in ("two", "all"):
        shutil.copy(f"submissions/{name}.csv", f"{name}-made.csv")
        ek.submit(csv=f"{name}-made.csv", **QUIET)
    assert ek.submissions().final_two == ()
    ek.submissions_score("two-made", 0.8)
    assert ek.submissions_score("all-made", 0.9).final_two == ("all-made", "two-made")
    assert "best by public score, as none has an honest estimate" in " ".join(typed("submissions").stdout.split())


def test_a_submission_that_never_arrived_is_withdrawn(folder):
    ek.submit("two", **QUIET)
    assert (ek.submissions_withdraw("two").left, ek.submissions().submissions) == (5, ())
    assert ek.submit("two", **QUIET).name == "two-2"


@pytest.mark.parametrize(
    ("score", "message"), [(91.2, "91.2 % is 0.912"), (-0.1, "from 0 to 1, got -0.1"), (float("nan"), "nan")]
)
def test_a_score_that_is_no_fraction_is_refused(folder, score, message):
    with pytest.raises(InvalidOptionError, match=message):
        ek.submissions_score("two", score)
    with pytest.raises(UnknownNameError, match="Nothing has been handed in yet"):
        ek.submissions_score("two", 0.5)


def test_a_folder_that_cannot_be_written_is_said(folder):
    Path("desk").write_text("a file")
    with pytest.raises(ResourceError, match="Cannot write desk"):
        ek.submit("two", submissions="desk", **QUIET)


def test_other_peoples_lines_in_the_ledger_do_no_harm(folder):
    append_entry(Path("submissions/ledger.jsonl"), {"kind": "note", "time": NOON.isoformat()})
    assert ek.submit("two", **QUIET).left == 4


def test_the_command_says_it_all_in_80_columns(folder, monkeypatch):
    first = typed("submit", "two")
    assert first.exit_code == 0, first.stderr
    second = typed("submit", "all", "--sample", write_sample([f"{place:04d}" for place in range(500)]))
    assert second.exit_code == 0, second.stderr
    assert "upload  submissions/handed-in/all.csv" in second.stdout.splitlines()
    assert "Nothing was uploaded" in second.stdout
    told = typed("submissions", "told", "all", "0.9")
    assert told.stdout.startswith("Entered: public score 90.0 % of all.\n\nname ")
    refused = typed("submit", "two")
    listed = json.loads(typed("submissions", "--json").stdout)
    assert [one["public"] for one in listed["submissions"]] == [None, 0.9]
    assert (refused.exit_code, refused.stdout) == (2, "")
    withdrawn = typed("submissions", "withdraw", "two").stdout
    assert withdrawn.startswith("Withdrawn: two counts no more; its file stays.\n\nname ")
    for printed in (first.stdout, second.stdout, told.stdout, withdrawn):
        assert max(map(len, printed.splitlines())) <= 80
    assert typed("members", "--verify").exit_code == 0
    assert json.loads(typed("submissions", "--json", "told", "all", "0.8").stdout)["submissions"][0]["public"] == 0.8
    shutil.copytree("submissions", "others")
    typed("submissions", "--submissions", "others", "told", "all", "0.7")
    assert [ek.submissions(submissions=one).submissions[0].public for one in ("submissions", "others")] == [0.8, 0.7]
    monkeypatch.setenv("COLUMNS", "40")
    empty = typed("submissions", "--submissions", "none").stdout
    assert empty.startswith("Nothing has been handed in yet")
    assert max(map(len, empty.splitlines())) <= 40


def test_a_class_that_the_sample_has_in_another_unicode_form_is_said(tmp_path):
    (tmp_path / "sample.csv").write_text("image_id,label\n0,Pok\u00e9mon\n1,dog \n", encoding="utf-8")
    _, (said,) = read_noted(tmp_path / "sample.csv", None, ["Poke\u0301mon", "dog"])
    assert "The sample has 'Pok\u00e9mon' in another Unicode form than our class 'Poke\\u0301mon'" in said
