"""Submissions against the truth, as a host sees them; oracles by hand and by scikit-learn and scipy."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import binomtest
from sklearn import metrics as sklearn

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import BadDataError, InvalidOptionError

IMAGES, CLASSES = 101, ("ant", "bee", "cat", "dog", "eel")
IDS = [f"{place:04d}.png" for place in range(IMAGES)]
TRUTH = np.random.default_rng(0).integers(5, size=IMAGES)


def write(name, said, ids=IDS, header="image_id,label"):
    order = np.random.default_rng(len(name)).permutation(len(ids))
    Path(name).write_text(f"{header}\n" + "".join(f"{ids[place]},{CLASSES[said[place]]}\n" for place in order))
    return name


def guess(seed, share):
    random = np.random.default_rng(seed)
    return np.where(random.random(IMAGES) < share, TRUTH, random.integers(5, size=IMAGES))


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with labels and three submissions."""
    monkeypatch.chdir(tmp_path)
    write("labels.csv", TRUTH, header="file,class")
    return {name: guess(seed, share) for name, seed, share in (("a", 1, 0.9), ("bb", 2, 0.5), ("ccc", 3, 0.5))}


def typed(*words):
    return CliRunner().invoke(command, list(map(str, words)))


def test_accuracy_parts_and_classes_are_those_of_scikit_learn(desk):
    [one] = ek.score([write("a.csv", desk["a"])], "labels.csv", public_fraction=0.3, baselines=(0.1, 0.99)).submissions
    right = desk["a"] == TRUTH
    assert one.whole.accuracy == pytest.approx(sklearn.accuracy_score(TRUTH, desk["a"]))
    low, high = binomtest(int(right.sum()), IMAGES).proportion_ci(method="wilson")
    assert one.whole.interval == pytest.approx((low, high))
    assert (one.public.images, one.private.images) == (30, 71)
    assert one.public.accuracy * 30 + one.private.accuracy * 71 == pytest.approx(right.sum())
    recall = sklearn.recall_score(TRUTH, desk["a"], average=None)
    assert [each.right / each.images for each in one.classes] == pytest.approx(recall)
    assert [each.predicted for each in one.classes] == np.bincount(desk["a"]).tolist()
    assert [(each.passed, each.clearly) for each in one.baselines] == [(True, True), (False, True)]


def test_a_baseline_within_the_interval_is_passed_or_missed_by_chance(desk):
    write("a.csv", desk["a"])
    there = float((desk["a"] == TRUTH).mean())
    [one] = ek.score(["a.csv"], "labels.csv", baselines=(there - 0.01, there, there + 0.01)).submissions
    assert [(each.passed, each.clearly) for each in one.baselines] == [(True, False), (True, False), (False, False)]


def test_neither_the_order_of_rows_nor_of_labels_can_matter(desk):
    one = ek.score([write("a.csv", desk["a"])], "labels.csv")
    Path("turned.csv").write_text(
        "file,class\n" + "\n".join(reversed(Path("labels.csv").read_text().split("\n")[1:-1]))
    )
    other = ek.score([write("a.csv", desk["a"])], "turned.csv")
    assert one.submissions[0].public == other.submissions[0].public
    parts = {ek.score(["a.csv"], "labels.csv", seed=seed).submissions[0].public.accuracy for seed in range(7)}
    assert len(parts) > 1


def test_several_submissions_make_a_leaderboard_with_paired_tests(desk):
    paths = [write(f"{name}.csv", said) for name, said in desk.items()]
    report = ek.score(paths[::-1], "labels.csv")
    assert report == ek.score(paths, "labels.csv")
    assert [one.private_rank for one in report.submissions] == sorted(one.private_rank for one in report.submissions)
    assert str(report.submissions[0].csv) == "a.csv"
    for pair in report.neighbours:
        one, other = desk[pair.first.stem] == TRUTH, desk[pair.second.stem] == TRUTH
        counts = int((one & ~other).sum()), int((other & ~one).sum())
        assert (pair.only_first, pair.only_second) == counts
        assert pair.p == pytest.approx(binomtest(counts[0], sum(counts)).pvalue)


def test_equals_share_a_rank(desk):
    report = ek.score([write(name, desk["a"]) for name in ("x.csv", "y.csv")], "labels.csv")
    assert [(one.public_rank, one.private_rank) for one in report.submissions] == [(1, 1), (1, 1)]
    assert report.neighbours[0].p == 1.0


def test_ids_match_by_stem_with_a_note(desk):
    write("stems.csv", desk["a"], ids=[Path(one).stem for one in IDS])
    [one] = ek.score(["stems.csv"], "labels.csv").submissions
    assert one.whole.accuracy == pytest.approx((desk["a"] == TRUTH).mean())
    assert "ids were matched without folder or ending" in " ".join(one.notes)


def test_files_in_another_encoding_and_with_blanks_score_the_same(desk):
    plain = ek.score([write("a.csv", desk["a"])], "labels.csv").submissions[0].whole
    for name, mark in (("a.csv", ","), ("labels.csv", " ; ")):
        text = Path(name).read_text().replace("eel", "éel").replace(",", mark)
        Path(name).write_bytes(text.encode("cp1252"))
    given = ("score", "a.csv", "--labels", "labels.csv", "--json")
    refused = typed(*given)
    assert (refused.exit_code, "likely cp1252 (which reads 'éel')" in refused.stderr) == (3, True)
    done = typed(*given, "--encoding", "cp1252")
    [one] = json.loads(done.stdout)["submissions"]
    assert one["whole"]["accuracy"] == plain.accuracy
    assert any("ids were matched without blanks" in note for note in one["notes"])
    assert "separated by semicolons" in done.stderr


def test_a_class_without_images_and_one_image_are_scored(desk):
    Path("one.csv").write_text("file,label\nx.png,cat\n")
    [one] = ek.score([write("s.csv", [2], ids=["x.png"])], "one.csv").submissions
    assert (one.whole.accuracy, one.public.images, one.private) == (1.0, 1, None)
    assert typed("score", "s.csv", "--labels", "one.csv").exit_code == 0


def test_a_class_that_no_image_has_is_wrong_and_no_error(desk):
    Path("truth.csv").write_text("file,label\nx.png,cat\ny.png,cat\nz.png,dog\n")
    Path("said.csv").write_text("file,label\nx.png,cat\ny.png,owl\nz.png,cot\n")
    [one] = ek.score(["said.csv"], "truth.csv").submissions
    assert one.whole.accuracy == pytest.approx(1 / 3)
    assert "lines 3, 4: labels are of no image, so they count as wrong: 'owl', 'cot'" in one.notes[0]
    Path("said.csv").write_text("file,label\nx.png,cat\ny.png,\nz.png,1\n")
    with pytest.raises(BadDataError, match=r"(?s)not fit to be scored.*labels are missing.*labels are places of"):
        ek.score(["said.csv"], "truth.csv")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"csv": []}, "at least one submission"),
        ({"csv": ["a.csv", "a.csv"]}, "a.csv was named twice"),
        ({"public_fraction": 1.0}, "above 0 and below 1, got 1.0"),
        ({"public_fraction": float("nan")}, "above 0 and below 1"),
        ({"baselines": (45.0,)}, "baselines from 0 to 1, as 0.45, got 45"),
    ],
)
def test_options_that_cannot_be_are_refused(desk, given, message):
    write("a.csv", desk["a"])
    with pytest.raises(InvalidOptionError, match=message):
        ek.score(**{"csv": ["a.csv"], "labels": "labels.csv", **given})


def test_labels_and_submissions_that_cannot_be_used_are_refused(desk):
    write("a.csv", desk["a"])
    Path("holes.csv").write_text("file,label\n0000.png,ant\n0001.png,\n")
    with pytest.raises(BadDataError, match="holes.csv: '0001.png' has no label"):
        ek.score(["a.csv"], "holes.csv")
    with pytest.raises(BadDataError, match="Cannot read the file of labels none.csv"):
        ek.score(["a.csv"], "none.csv")
    Path("a.csv").write_text(Path("a.csv").read_text().replace("ant", "Ant"))
    with pytest.raises(
        BadDataError, match=r"a.csv is not fit .*\n  lines .* labels differ in case: 'Ant' \(wanted 'ant'\)"
    ):
        ek.score(["a.csv"], "labels.csv")


def test_the_command_prints_at_most_80_columns_and_json(desk):
    paths = [write(f"{name}.csv", said) for name, said in desk.items()]
    for words in (paths, paths[:1]):
        done = typed("score", *words, "--labels", "labels.csv", "--baselines", ".45,.70,.83,.94")
        assert done.exit_code == 0, done.stderr
        assert max(map(len, done.stdout.splitlines())) <= 80
        assert "Public: a simple draw by seed 0, of 101 images" in done.stdout
    assert json.loads(typed("score", *paths, "--labels", "labels.csv", "--json").stdout)["images"] == IMAGES
    assert (
        "wanted numbers as 0.45,0.7, got 'x'" in typed("score", "a.csv", "--labels", "l.csv", "--baselines", "x").stderr
    )


def test_of_very_many_classes_the_worst_are_shown(desk):
    ids = [f"{place:03d}" for place in range(97)]
    Path("many.csv").write_text("id,label\n" + "".join(f"{one},class-{one}\n" for one in ids))
    said = "".join(f"{one},class-{'000' if one == '096' else one}\n" for one in ids)
    Path("s.csv").write_text("id,label\n" + said)
    printed = typed("score", "s.csv", "--labels", "many.csv").stdout
    assert "class-096       1      0.0" in printed
    assert "the worst; 57 more classes" in printed


@pytest.mark.parametrize("header", ["label,file", "class,image_id,Usage", "Usage,Id,Category", "nr,species"])
def test_labels_are_found_by_the_names_of_their_columns(desk, header):
    columns = header.split(",")
    known = {"file": "x.png", "image_id": "x.png", "Id": "x.png", "nr": "x.png", "Usage": "Private"}
    Path("truth.csv").write_text(f"{header}\n{','.join(known.get(one, 'cat') for one in columns)}\n")
    Path("said.csv").write_text("file,label\nx.png,cat\n")
    [one] = ek.score(["said.csv"], "truth.csv").submissions
    assert one.whole.accuracy == 1.0


def test_labels_among_unknown_columns_are_asked_for(desk):
    Path("truth.csv").write_text("a,b,c\n1,2,3\n")
    with pytest.raises(BadDataError, match="wanted an id and a label column, as image_id,label; got a,b,c"):
        ek.score(["a.csv"], "truth.csv")


def test_labels_that_may_be_one_class_are_named(desk):
    """A host compares labels as they are, so they stay two; what differs in case or as a number is shown."""
    lines = Path("labels.csv").read_text().replace("ant", "1.0").replace("bee", "1", 1).replace("cat", "Dog", 1)
    Path("labels.csv").write_text(lines)
    write("a.csv", desk["a"])
    said = " ".join(typed("score", "a.csv", "--labels", "labels.csv").output.split())
    assert "may be one class, and so may 1 more, but are scored as several" in said
    assert "'1.0' and '1'" in said or "'1' and '1.0'" in said or "'Dog' and 'dog'" in said or "'dog' and 'Dog'" in said
    write("labels.csv", TRUTH)
    assert "may be one class" not in typed("score", "a.csv", "--labels", "labels.csv").output


def test_an_index_beside_the_labels_is_no_column_of_them(desk):
    lines = Path("labels.csv").read_text().splitlines()
    Path("i.csv").write_text("".join(f"{row - 1 if row else ''},{line}\n" for row, line in enumerate(lines)))
    write("a.csv", desk["a"])
    assert ek.score(["a.csv"], "i.csv").submissions == ek.score(["a.csv"], "labels.csv").submissions


USAGE = np.array(["Public", "Private", "Private", "Ignored", "Private"])[np.arange(IMAGES) % 5]


def solution(name, usage=USAGE, ignored_label="ant"):
    lines = ["Id,Category,Usage"]
    for one, label, use in zip(IDS, TRUTH, usage, strict=True):
        lines.append(f"{one},{ignored_label if use.casefold() == 'ignored' else CLASSES[label]},{use}")
    Path(name).write_text("\n".join(lines) + "\n")
    return name


@pytest.mark.parametrize("form", [str, str.lower, str.upper, lambda use: {"Public": "PublicTest"}.get(use, use)])
@pytest.mark.parametrize("ignored_label", ["ant", "", "?"])
def test_a_solution_file_says_what_is_public_and_what_is_not_scored(form, ignored_label, desk):
    """As Kaggle keeps it; oracle scikit-learn."""
    labels = solution("solution.csv", [form(use) for use in USAGE], ignored_label=ignored_label)
    report = ek.score([write("a.csv", desk["a"])], labels)
    [one] = report.submissions
    for part, uses in (
        (one.whole, ["Public", "Private"]),
        (one.public, ["Public"]),
        (one.private, ["Private"]),
    ):
        rows = np.isin(USAGE, uses)
        assert part.images == rows.sum()
        assert part.accuracy == pytest.approx(sklearn.accuracy_score(TRUTH[rows], desk["a"][rows]))
    ignored = (USAGE == "Ignored").sum()
    assert (report.images, report.ignored, report.seed) == (IMAGES - ignored, ignored, None)
    assert sum(each.images for each in one.classes) == report.images


def test_a_leaderboard_is_ranked_by_the_private_part_of_the_solution_file(desk):
    paths = [write(f"{name}.csv", said) for name, said in desk.items()]
    labels = solution("solution.csv")
    report = ek.score(paths, labels)
    private = [sum((desk[one.csv.stem] == TRUTH) & (USAGE == "Private")) for one in report.submissions]
    assert private == sorted(private, reverse=True)
    printed = " ".join(typed("score", *paths, "--labels", labels).stdout.split())
    ignored = int((USAGE == "Ignored").sum())
    assert f"Public: as the labels' Usage says, of {IMAGES - ignored} images ({ignored} more are ignored)" in printed


def test_a_solution_file_of_one_part_has_no_other(desk):
    write("a.csv", desk["a"])
    [one] = ek.score(["a.csv"], solution("s.csv", ["Private"] * IMAGES)).submissions
    assert (one.public, one.private) == (None, one.whole)
    assert typed("score", "a.csv", "--labels", "s.csv").exit_code == 0
    assert typed("score", "a.csv", write("bb.csv", desk["bb"]), "--labels", "s.csv").exit_code == 0


@pytest.mark.parametrize(
    ("usage", "message"),
    [
        (
            ["Public"] * (IMAGES - 1) + ["Pubic"],
            "row 101, '0100.png', has the Usage 'Pubic'; wanted Public, Private",
        ),
        (["Public"] * (IMAGES - 1) + [""], "has the Usage ''; wanted Public, Private or Ignored"),
        (["Ignored"] * IMAGES, "the Usage of all images is Ignored"),
    ],
)
def test_a_usage_that_is_none_is_refused(usage, message, desk):
    write("a.csv", desk["a"])
    with pytest.raises(BadDataError, match=message):
        ek.score(["a.csv"], solution("s.csv", usage))


def test_a_part_is_not_drawn_beside_a_usage_and_a_usage_of_other_things_is_none(desk):
    write("a.csv", desk["a"])
    labels = solution("s.csv")
    for given in ({"public_fraction": 0.5}, {"seed": 0}):
        with pytest.raises(InvalidOptionError, match="The column Usage of s.csv says which images are public"):
            ek.score(["a.csv"], labels, **given)
    report = ek.score(["a.csv"], solution("other.csv", ["train"] * IMAGES))
    assert (report.seed, report.ignored) == (0, 0)
    assert report.submissions[0].public == ek.score(["a.csv"], write("l.csv", TRUTH)).submissions[0].public
