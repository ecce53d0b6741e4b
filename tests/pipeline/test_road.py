"""From folders of images to a submission, checked against arithmetic done here."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import accuracy_score, log_loss
from temperature_by_scipy import log_temperature

import ensemble_kit as ek
from ensemble_kit.errors import (
    BadDataError,
    CorruptError,
    InvalidOptionError,
    LockedError,
    MisalignedError,
    UnknownNameError,
)
from ensemble_kit.reporting.tta import views_added
from ensemble_kit.storage.files.atomic import locked

QUIET = {"quiet": True}
FAST = {"quiet": True, "device": "cpu", "epochs": 1}
PLAIN = {"recipe": "assignment", **FAST}


def manifest(name, predictions="predictions"):
    return json.loads(Path(predictions, name, "member.json").read_text())


def stored(name, split):
    """Read a member as a stranger would: json, numpy, csv."""
    files = manifest(name)["files"][split]
    folder = Path("predictions", name)
    logits = np.load(folder / files["logits"]["file"], mmap_mode="r", allow_pickle=False)
    with open(folder / files["rows"]["file"], newline="") as file:
        return logits, list(csv.DictReader(file))


def submission(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def labels_of(rows, classes):
    return np.array([classes.index(row["label"]) for row in rows])


def test_a_member_is_readable_by_anyone(road):
    logits, rows = stored("cnn", "val")
    said = manifest("cnn")
    assert said["views"] == ["identity", "hflip", "scale@1.1"]
    assert logits.shape == (3, 60, 10)
    assert logits.dtype == np.float32
    assert [row["image_id"] for row in rows] == sorted(
        f"{path.parent.name}/{path.name}" for path in Path("data/val").glob("*/*.png")
    )
    assert all(row["image_id"].startswith(row["label"] + "/") for row in rows)
    assert sum(said["view_weights"]) == pytest.approx(1)
    assert said["cost"]["parameters"] > 1000
    test_logits, test_rows = stored("cnn", "test")
    assert test_logits.shape == (3, 37, 10)
    assert list(test_rows[0]) == ["image_id"]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(road):
    for name, seed in (("one", 7), ("two", 7), ("three", 8)):
        ek.train("data", "cnn", name=name, seed=seed, recipe="strong", batch_size=32, **FAST)
    one, two, three = (np.array(stored(name, "test")[0]) for name in ("one", "two", "three"))
    assert one.tobytes() == two.tobytes()
    assert one.tobytes() != three.tobytes()


def test_default_names_count_up_and_a_taken_name_is_refused(road):
    report = ek.train("data", "mlp", **PLAIN)
    assert report.member.name == "mlp-2"
    with pytest.raises(
        InvalidOptionError, match="already has a member 'mlp', trained otherwise:\n  epochs: 3 there, 1 here"
    ):
        ek.train("data", "mlp", name="mlp", **PLAIN)
    before = manifest("mlp")["checkpoint_sha256"]
    ek.train("data", "mlp", name="mlp", seed=5, replace=True, **PLAIN)
    assert manifest("mlp")["checkpoint_sha256"] != before
    assert len(list(Path("runs/mlp").glob("checkpoint-*.safetensors"))) == 1


def test_who_trains_the_same_twice_is_told(road, capsys):
    plain = {**PLAIN, "quiet": False}
    ek.train("data", "mlp", seed=4, **plain)
    assert "repeats" not in capsys.readouterr().err
    ek.train("data", "mlp", seed=4, **plain)
    assert "mlp-3 repeats mlp-2: same options, same seed. For another member: --seed 5." in capsys.readouterr().err
    assert stored("mlp-2", "val")[0].tobytes() == stored("mlp-3", "val")[0].tobytes()


def test_a_name_that_another_process_trains_is_refused_or_passed_over(road):
    with locked(Path("runs/fresh")), pytest.raises(LockedError, match="runs/fresh"):
        ek.train("data", "mlp", name="fresh", **PLAIN)
    with locked(Path("runs/mlp-2")):
        assert ek.train("data", "mlp", **PLAIN).member.name == "mlp-3"


def test_without_a_test_folder_there_are_no_test_logits_and_no_submission(road):
    Path("data/test").rename("elsewhere")
    report = ek.train("data", "mlp", name="bare", **PLAIN)
    assert report.member.test_images is None
    blended = ek.blend(["bare"], quiet=True)
    assert blended.submission_path is None
    said = "no test logits in member 'bare'. No member has test images: put them into DIR/test (DIR holds train), then "
    assert f"{said}ek tta --ckpt bare --replace." in " ".join(blended.notes)
    mixed = " ".join(ek.blend(["bare", "cnn"], quiet=True).notes)
    assert "no test logits in member 'bare'. Compute them with ek tta --replace, or blend without it." in mixed
    ek.blend(["cnn"], name=blended.name, quiet=True)
    again = ek.blend(["bare"], name=blended.name, quiet=True)
    assert f"submissions/{blended.name}.csv is unchanged: it belongs to another blend." in again.notes
    with pytest.raises(MisalignedError, match="no test logits in member 'bare'"):
        ek.blend(["bare", "cnn"], out="x.csv", quiet=True)
    Path("elsewhere").rename("data/test")
    ek.tta("bare", replace=True, quiet=True)
    assert ek.blend(["bare"], quiet=True).submission_path is not None


def test_val_is_taken_from_train_where_there_is_none(road):
    shutil.rmtree("data/val")
    with pytest.raises(InvalidOptionError, match="--val-fraction"):
        ek.train("data", "mlp", name="cut", **PLAIN)
    report = ek.train("data", "mlp", name="cut", val_fraction=0.2, **PLAIN)
    assert (report.train_images, report.member.val_images) == (120, 30)
    assert manifest("cut")["training"]["source"]["val_fraction"] == 0.2
    assert ek.tta("runs/cut", **QUIET).computed == ("hflip",)


def test_the_best_epoch_is_recorded_as_val_having_evaluated(road):
    ek.train("data", "mlp", name="evaluated", keep="best", **PLAIN)
    assert manifest("evaluated")["val_used_for"] == ["epoch"]
    assert "members were chosen on this val: evaluated" in " ".join(ek.blend(["evaluated", "cnn"], **QUIET).notes)
    with pytest.raises(InvalidOptionError, match="--keep is 'worst'"):
        ek.train("data", "mlp", keep="worst", **PLAIN)


def test_an_interrupted_training_leaves_no_member(road, monkeypatch):
    from ensemble_kit.reporting.terminal.progress import Watch

    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Watch, "note", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ek.train("data", "mlp", name="stopped", **PLAIN)
    assert not Path("predictions/stopped").exists()
    monkeypatch.undo()
    monkeypatch.chdir(road)
    assert ek.train("data", "mlp", name="stopped", **PLAIN).member.name == "stopped"


def test_an_interrupted_replacement_leaves_the_old_member_and_its_run_as_they_were(road, monkeypatch):
    from ensemble_kit.pipeline.runs import save_member as chapter

    def files():
        return {path: path.read_bytes() for path in sorted(Path().glob("[pr]*/mlp/*")) if path.name != ".lock"}

    def interrupted(*_args, **_kwargs):
        raise KeyboardInterrupt

    before = files()
    assert len(before) == 8
    monkeypatch.setattr(chapter, "compute_at_once", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ek.train("data", "mlp", name="mlp", seed=9, replace=True, **PLAIN)
    assert files() == before


def test_members_are_measured_as_scikit_learn_measures(road):
    report = ek.members()
    assert [member.val_accuracy for member in report.members] == sorted(
        (member.val_accuracy for member in report.members), reverse=True
    )
    for member in report.members:
        logits, rows = stored(member.name, "val")
        merged = np.tensordot(member.view_weights, logits.astype(float), axes=1)
        labels = labels_of(rows, manifest(member.name)["classes"])
        assert member.val_accuracy == pytest.approx(accuracy_score(labels, merged.argmax(axis=1)))
        assert report.frame().set_index("name").val_accuracy[member.name] == member.val_accuracy
        assert member.val_log_loss == pytest.approx(log_loss(labels, softmax(merged, axis=1), labels=range(10)))


def test_views_that_are_there_are_not_computed_again(road):
    before, _ = stored("cnn", "val")
    before = np.array(before)
    report = ek.tta("runs/cnn", views="flips,vflip", **QUIET)
    assert report.computed == ("vflip",)
    after, _ = stored("cnn", "val")
    assert manifest("cnn")["views"] == ["identity", "hflip", "scale@1.1", "vflip"]
    np.testing.assert_array_equal(after[:3], before)
    assert ek.tta("runs/cnn", views="vflip", **QUIET).computed == ()


def test_views_are_evaluated_alone_and_together(road):
    report = ek.tta("runs/cnn", choose="equal", **QUIET)
    logits, rows = stored("cnn", "val")
    labels = labels_of(rows, manifest("cnn")["classes"])
    assert [view.weight for view in report.views] == pytest.approx([1 / 3] * 3)
    for view, alone in zip(report.views, logits, strict=True):
        assert view.val_accuracy == pytest.approx(accuracy_score(labels, alone.argmax(axis=1)))
    assert report.val_accuracy_after == pytest.approx(accuracy_score(labels, logits.mean(axis=0).argmax(axis=1)))
    assert report.honest_accuracy == pytest.approx(report.val_accuracy_after)  # nothing was tuned
    assert [view.weight for view in ek.tta("runs/cnn", choose="none", **QUIET).views] == [1, 0, 0]
    for choice in ("greedy", "accuracy", "log-loss"):
        report = ek.tta("runs/cnn", choose=choice, **QUIET)
        assert sum(view.weight for view in report.views) == pytest.approx(1)
        assert "honest (cross-fitted)" in views_added(report)


def test_another_checkpoint_is_refused_unless_replaced(road):
    shutil.copytree("predictions/cnn", "kept")
    shutil.rmtree("predictions/cnn")
    ek.train("data", "cnn", name="cnn", seed=3, arch_option={"width": 8}, **PLAIN)
    shutil.rmtree("predictions/cnn")
    shutil.copytree("kept", "predictions/cnn")
    with pytest.raises(MisalignedError, match="another checkpoint.*--replace"):
        ek.tta("runs/cnn", **QUIET)
    report = ek.tta("runs/cnn", replace=True, **QUIET)
    assert set(report.computed) == {"identity", "hflip", "scale@1.1"}


def test_changed_images_are_noticed(road):
    path = next(Path("data/val").glob("*/*.png"))
    path.write_bytes(next(Path("data/test").iterdir()).read_bytes())
    with pytest.raises(MisalignedError, match="the val images are not those"):
        ek.tta("runs/cnn", views="vflip", **QUIET)


def test_other_classes_are_refused_even_where_all_is_made_again(road):
    shutil.copytree("data", "other")
    for split in ("train", "val"):
        Path("other", split, "ada").rename(Path("other", split, "zoe"))
    with pytest.raises(MisalignedError, match="first that differs: 'ada'"):
        ek.tta("runs/cnn", data="other", replace=True, **QUIET)


def test_a_member_that_was_removed_comes_back_from_its_checkpoint(road):
    before = np.array(stored("cnn", "test")[0])
    ek.members_rm("cnn")
    report = ek.tta("runs/cnn", views="flips,scale@1.1", **QUIET)
    assert report.computed == ("identity", "hflip", "scale@1.1")
    np.testing.assert_array_equal(stored("cnn", "test")[0], before)


def test_a_renamed_member_is_still_found_by_its_checkpoint(road):
    ek.members_rename("cnn", "famous")
    assert ek.tta("runs/cnn", views="vflip", **QUIET).member == "famous"
    assert [member.name for member in ek.members().members if member.name == "cnn"] == []


def test_an_equal_logit_sum_is_the_sum_of_calibrated_logits(road):
    report = ek.blend(weights="equal", **QUIET)
    total, total_test = 0.0, 0.0
    for name in report.numbers.members:
        said = manifest(name)
        val, rows = stored(name, "val")
        test, test_rows = stored(name, "test")
        labels = labels_of(rows, said["classes"])
        merged = np.tensordot(said["view_weights"], val.astype(float), axes=1)
        spans = np.sort(np.ptp(merged, axis=1))
        most = spans[(len(spans) - 1) // 2] / 0.4  # no T is so large that a typical image's classes are hardly apart
        wanted = min(np.exp(log_temperature(merged, labels)), most)
        assert report.numbers.temperatures[name] == pytest.approx(wanted, rel=1e-2)
        total = total + merged / report.numbers.temperatures[name]
        total_test = total_test + np.tensordot(said["view_weights"], test.astype(float), axes=1) / wanted
    assert report.tuned_val_accuracy == pytest.approx(accuracy_score(labels, total.argmax(axis=1)))
    header, *written = submission(report.submission_path)
    assert header == ["image_id", "label"]
    assert [row[0] for row in written] == [row["image_id"] for row in test_rows]
    assert [row[1] for row in written] == [said["classes"][i] for i in total_test.argmax(axis=1)]


def test_given_weights_are_used_and_checked(road):
    alone = ek.blend(weights="cnn=1", **QUIET)
    assert alone.numbers.weights == {"cnn": 1.0, "mlp": 0.0}
    assert ek.blend(weights={"cnn": 3, "mlp": 1}, **QUIET).numbers.weights == {"cnn": 0.75, "mlp": 0.25}
    for weights, error, message in (
        ("cnn=1,vit=2", UnknownNameError, "No member is named 'vit'"),
        ("cnn=1,cnn=2", InvalidOptionError, "each member once"),
        ("cnn=one", InvalidOptionError, "cannot use 'cnn=one'"),
        ("cnn=-1", InvalidOptionError, "wanted a finite number >= 0"),
        ("cnn=0", InvalidOptionError, "All weights are 0"),
        ("automatic", UnknownNameError, "did you mean 'auto'"),
    ):
        with pytest.raises(error, match=message):
            ek.blend(weights=weights, **QUIET)
    with pytest.raises(UnknownNameError, match="No member is named 'vit'"):
        ek.blend(["cnn", "vit"], **QUIET)
    with pytest.raises(MisalignedError, match="'cnn' was named twice"):
        ek.blend(["cnn", "cnn"], **QUIET)
    with pytest.raises(InvalidOptionError, match="no members in 'nowhere'"):
        ek.blend(predictions="nowhere", **QUIET)


def test_a_sample_gives_header_ids_and_order(road):
    ids = [row[0] for row in submission(ek.blend(**QUIET).submission_path)[1:]]
    by_id = dict(submission("submissions/logit-sum-auto.csv")[1:])
    Path("sample.csv").write_text("Id,Category\n" + "".join(f"{i[:-4]},x\n" for i in reversed(ids)))
    report = ek.blend(sample="sample.csv", out="mine/final.csv", **QUIET)
    assert report.submission_path == Path("mine/final.csv")
    header, *rows = submission("mine/final.csv")
    assert header == ["Id", "Category"]
    assert rows == [[i[:-4], by_id[i]] for i in reversed(ids)]
    assert submission(ek.blend(id="stem", **QUIET).submission_path)[1][0] == ids[0][:-4]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda ids: ids[:-1], MisalignedError, "0036"),
        (lambda ids: [*ids, "9999.png"], MisalignedError, "9999.png"),
        (lambda ids: [*ids, ids[3]], BadDataError, "0003.png"),
    ],
)
def test_a_sample_with_other_ids_is_refused_and_nothing_is_written(road, change, error, message):
    ids = [row["image_id"] for row in stored("cnn", "test")[1]]
    Path("sample.csv").write_text("image_id,label\n" + "".join(f"{i},x\n" for i in change(ids)))
    with pytest.raises(error, match=message):
        ek.blend(sample="sample.csv", **QUIET)
    assert not Path("blends").exists()
    assert not Path("submissions").exists()


def test_the_ledger_counts_each_configuration_once(road):
    assert ek.blend(**QUIET).evaluated.ledger_trials == 1
    assert ek.blend(**QUIET).evaluated.ledger_trials == 1
    assert ek.blend(weights="equal", **QUIET).evaluated.ledger_trials == 2
    assert len(Path("blends/ledger.jsonl").read_text().splitlines()) == 4  # the first says how many


def test_verify_finds_a_flipped_bit_anywhere(road):
    ek.blend(**QUIET)
    assert ek.members(verify=True).verified == 21 + 3  # of decoded images a file a split
    path = next(Path("runs/mlp").glob("checkpoint-*"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    with pytest.raises(CorruptError, match=path.name):
        ek.members(verify=True)


def test_members_from_elsewhere_join_by_name(road):
    rng = np.random.default_rng(0)
    _, rows = stored("cnn", "val")
    classes = manifest("cnn")["classes"]
    labels = labels_of(rows, classes)
    probabilities = softmax(rng.normal(size=(60, 10)) + 3 * np.eye(10)[labels], axis=1)
    order, columns = rng.permutation(60), rng.permutation(10)
    np.savez(
        "vit-val.npz",
        image_ids=np.array([rows[i]["image_id"] for i in order]),
        classes=np.array([classes[c] for c in columns]),
        scores=probabilities[order][:, columns],
        labels=np.array([rows[i]["label"] for i in order]),
    )
    with open("vit-test.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", *classes])
        for row in stored("cnn", "test")[1]:
            writer.writerow([row["image_id"], *softmax(rng.normal(size=10)).tolist()])
    report = ek.members_add("vit", "vit-val.npz", kind="probabilities", test="vit-test.csv")
    assert report.val_accuracy == pytest.approx(accuracy_score(labels, probabilities.argmax(axis=1)))
    assert report.source == "imported"
    assert manifest("vit")["checkpoint_sha256"] is None
    blended = ek.blend(["cnn", "vit"], method="prob-mean", **QUIET)
    assert blended.submission_path.exists()
    with pytest.raises(BadDataError, match="probabilities"):
        ek.members_add("vit2", "vit-val.npz", kind="logits", test="vit-test.csv")
    with pytest.raises(InvalidOptionError, match="already has a member 'vit'"):
        ek.members_add("vit", "vit-val.npz", kind="probabilities", test="vit-test.csv")
    held = np.load("vit-val.npz", allow_pickle=False)
    np.savez("short.npz", **{k: v[:59] if k != "classes" else v for k, v in held.items()})
    with pytest.raises(MisalignedError, match="has 59 val images"):
        ek.members_add("short", "short.npz", kind="probabilities")


def test_unreadable_images_stop_the_run_by_name(road):
    next(Path("data/train").glob("*/*.png")).write_bytes(b"<html>not found</html>")
    with pytest.raises(BadDataError, match=r"(?s)1 of 247 images.*\.png': .*HTML"):
        ek.train("data", "mlp", name="never", **PLAIN)
    assert not Path("predictions/never").exists()


def test_few_val_images_are_said_to_be_few(road):
    for path in sorted(Path("data/val").glob("*/*.png"))[::2]:
        path.unlink()
    ek.train("data", "mlp", name="few", **PLAIN)
    report = ek.tta("runs/few", **QUIET)
    assert "fewer than 50" in report.note
    assert [view.weight for view in report.views] == [1, 0]
    assert "fewer than 50" in " ".join(ek.blend(["few"], **QUIET).notes)
