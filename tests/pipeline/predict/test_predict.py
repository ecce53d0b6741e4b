"""New images through blends and members, held against what the members stored of the same images."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy.special import softmax

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.ensembling.combining.apply import predict, probabilities
from ensemble_kit.ensembling.evaluation.cross_fitting import splits
from ensemble_kit.ensembling.selective.abstention import Abstention
from ensemble_kit.ensembling.selective.partial_blend import apart
from ensemble_kit.ensembling.tuning import tune
from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError, UnknownNameError
from ensemble_kit.pipeline.models.forward_passes import pass_settings
from ensemble_kit.pipeline.predict import abstention as abstain
from ensemble_kit.pipeline.predict import batches as predict_chunks
from ensemble_kit.pipeline.predict.predictor import blend_predictor
from ensemble_kit.reporting.terminal.progress import Watch
from ensemble_kit.storage.blends import read_blend
from ensemble_kit.storage.members.read import read_member
from ensemble_kit.types import align
from ensemble_kit.workspace import Workspace

VIEWS = "hflip,crop@0.75:tl,scale@1.1"
QUIET = {"quiet": True}
FAST = {"quiet": True, "device": "cpu", "batch_size": 8, "engine": "eager"}  # 37 images: the last batch has 5
TEST = ["data/test"]


@pytest.fixture(scope="module")
def made(walked, tmp_path_factory):
    """Two members, one with another size, and their views, looked at in batches of 8; a blend of each kind."""
    folder = tmp_path_factory.mktemp("blended") / "road"
    shutil.copytree(walked, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        ek.train("data", "mlp", name="small", recipe="assignment", epochs=2, size=16, **QUIET, device="cpu")
        for name in ("cnn", "small"):
            ek.tta(f"runs/{name}", views=VIEWS, choose="equal", replace=True, **FAST)
        for method in ("logit-sum", "prob-mean", "majority-vote"):
            ek.blend(["cnn", "small"], method=method, weights="cnn=2,small=1", name=method, **QUIET)
    return folder


@pytest.fixture
def blended(made, tmp_path, monkeypatch):
    """A copy of that to work in; it is the current folder."""
    shutil.copytree(made, tmp_path / "road")
    monkeypatch.chdir(tmp_path / "road")


def pool_of(name, split="test"):
    saved = read_blend(Path("blends", f"{name}.json"))
    members = [read_member(Path("predictions", pin.name)) for pin in saved.members]
    return align([member.split(split) for member in members]), saved.tuned()


def said(path="predictions.csv"):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def said_json(path):
    return json.loads(Path(path).read_text())


@pytest.mark.parametrize(("engine", "chunk_batches"), [("eager", 1), ("fused", 2), ("eager", 16)])
def test_the_logits_on_the_way_are_those_of_tta_bit_by_bit(blended, monkeypatch, engine, chunk_batches):
    if engine != "eager":
        for name in ("cnn", "small"):
            ek.tta(f"runs/{name}", views=VIEWS, choose="equal", replace=True, **{**FAST, "engine": engine})
        ek.blend(["cnn", "small"], weights="cnn=2,small=1", name="logit-sum", **QUIET)
    seen, empty = [], predict_chunks._empty_pool
    monkeypatch.setattr(predict_chunks, "CHUNK_BATCHES", chunk_batches)
    monkeypatch.setattr(predict_chunks, "_empty_pool", lambda *given: seen.append(empty(*given)) or seen[-1])
    ek.predict(TEST, blend="logit-sum", out="new.json", **{**FAST, "engine": engine})
    pool, tuned = pool_of("logit-sum")
    assert [len(chunk.ids) for chunk in seen] == {1: [8, 8, 8, 8, 5], 2: [16, 16, 5], 16: [37]}[chunk_batches]
    for member, stored in enumerate(pool.logits):
        there = np.concatenate([chunk.logits[member] for chunk in seen], axis=1)
        assert there.tobytes() == np.array(stored).tobytes()
    chances, winners = probabilities(pool, tuned), predict(pool, tuned)
    rows = said_json("new.json")
    assert [row["image_id"] for row in rows] == list(pool.ids)
    assert [row["label"] for row in rows] == [pool.classes[place] for place in winners]
    assert [row["probability"] for row in rows] == chances[np.arange(37), winners].tolist()


def test_classes_follow_by_probability_and_agreement_is_the_weight_of_those_who_say_the_same(blended):
    report = ek.predict(TEST, blend="logit-sum", top=3, out="new.csv", **FAST)
    pool, tuned = pool_of("logit-sum")
    merged = [np.tensordot(w, logits, axes=1) for w, logits in zip(tuned.view_weights, pool.logits, strict=True)]
    scores = sum(w * one / t for w, one, t in zip(tuned.weights, merged, tuned.temperatures, strict=True))
    chances = softmax(scores / tuned.blend_temperature, axis=1)
    best = np.argsort(-chances, axis=1)[:, :3]
    agree = sum(w * (one.argmax(axis=1) == best[:, 0]) for w, one in zip(tuned.weights, merged, strict=True))
    for image, row in enumerate(said("new.csv")):
        assert [row["label"], row["label_2"], row["label_3"]] == [pool.classes[place] for place in best[image]]
        shares = [float(row[name]) for name in ("probability", "probability_2", "probability_3")]
        assert shares == pytest.approx(chances[image, best[image]], abs=1e-6)
        assert float(row["agreement"]) == pytest.approx(agree[image], abs=1e-6)
        assert (row["looks"], row["abstained"], row["error"]) == ("8", "false", "")
    assert (report.members, report.views, report.pictures, report.unreadable) == (("cnn", "small"), 8, 37, 0)
    assert (report.cascade, report.abstain, report.blend) == (None, None, True)


def test_votes_have_shares_and_no_probabilities(blended):
    ek.predict(TEST, blend="majority-vote", top=2, out="new.jsonl", **FAST)
    pool, tuned = pool_of("majority-vote")
    rows = [json.loads(line) for line in Path("new.jsonl").read_text().splitlines()]
    assert list(rows[0])[:5] == ["image_id", "label", "vote_share", "label_2", "vote_share_2"]
    assert [row["label"] for row in rows] == [pool.classes[place] for place in predict(pool, tuned)]
    assert {round(row["vote_share"], 6) for row in rows} <= {0.666667, 1.0}


@pytest.mark.parametrize("method", ["prob-mean", "majority-vote"])
def test_an_exact_cascade_saves_work_and_changes_no_class(blended, method):
    ek.predict(TEST, blend=method, out="whole.csv", **FAST)
    report = ek.predict(TEST, blend=method, early_exit=0, out="asked.csv", **FAST)
    whole, asked = said("whole.csv"), said("asked.csv")
    assert [row["label"] for row in asked] == [row["label"] for row in whole]
    looks = np.array([int(row["looks"]) for row in asked])
    assert set(looks) <= {4, 8}
    assert report.cascade.kind == "exact"
    assert sorted(report.cascade.order) == ["cnn", "small"]
    assert report.cascade.saved_passes == pytest.approx(1 - looks.mean() / 8)
    assert all(one == other for one, other, taken in zip(whole, asked, looks, strict=True) if taken == 8)
    if method == "majority-vote":  # two of three votes need no third
        assert set(looks) == ({4} if report.cascade.order[0] == "cnn" else {8})


def test_a_sum_of_logits_stops_by_a_margin_that_val_allows(blended):
    strict = ek.predict(TEST, blend="logit-sum", early_exit=0.01, **FAST)
    assert (strict.cascade.kind, strict.cascade.saved_passes, strict.cascade.loss) == ("all", 0.0, None)
    whole = said()
    loose = ek.predict(TEST, blend="logit-sum", early_exit=0.2, out="asked.csv", **FAST)
    assert loose.cascade.kind == "margin"
    assert len(loose.cascade.order) == 8
    assert loose.cascade.order[0] in {
        f"{name} {view}" for name in ("cnn", "small") for view in ("identity", *VIEWS.split(","))
    }
    looks = np.array([int(row["looks"]) for row in said("asked.csv")])
    assert loose.cascade.saved_passes == pytest.approx(1 - looks.mean() / 8)
    assert 0 < loose.cascade.saved_passes < 1
    assert 0 < loose.cascade.saved_ms < 1
    assert loose.cascade.loss <= loose.cascade.loss_at_most
    full = [row for row, taken in zip(said("asked.csv"), looks, strict=True) if taken == 8]
    assert full == [row for row, taken in zip(whole, looks, strict=True) if taken == 8]


def test_a_member_alone_is_a_blend_of_its_views(blended):
    report = ek.predict(TEST, ckpt="runs/cnn", method="majority-vote", early_exit=0, **FAST)
    stored = read_member(Path("predictions/cnn"))
    logits, classes = np.array(stored.split("test").logits, float), stored.manifest.classes
    votes = np.array([np.bincount(best, minlength=10) for best in logits.argmax(axis=2).T])
    clear = np.sort(votes, axis=1)[:, -1] > np.sort(votes, axis=1)[:, -2]
    assert clear.sum() > 20
    rows = said()
    assert [row["image_id"] for row in rows] == list(stored.split("test").ids)
    for row, count, sure in zip(rows, votes, clear, strict=True):
        assert not sure or row["label"] == classes[count.argmax()]
    looks = np.array([int(row["looks"]) for row in rows])
    assert (report.name, report.blend, report.cascade.kind) == ("cnn", False, "exact")
    assert 3 <= looks.min() <= looks.max() <= 4
    assert report.cascade.saved_passes == pytest.approx(1 - looks.mean() / 4)
    plain = ek.predict(TEST, ckpt="runs/cnn", replace=True, **FAST)
    assert (plain.method, plain.views, plain.cascade) == ("logit-sum", 4, None)
    assert [row["label"] for row in said()] == [classes[place] for place in logits.mean(axis=0).argmax(axis=1)]


def test_rows_below_a_probability_are_flagged(blended):
    ek.predict(TEST, blend="prob-mean", out="all.json", **FAST)
    shares = np.array([row["probability"] for row in said_json("all.json")])
    middle = float(np.sort(shares)[18])
    report = ek.predict(TEST, blend="prob-mean", abstain_below=middle, out="some.json", **FAST)
    rows = said_json("some.json")
    assert [row["abstained"] for row in rows] == (shares < middle).tolist()
    assert report.abstained == (shares < middle).sum() == 18
    assert all(row["label"] for row in rows)
    assert (report.abstain.threshold, report.abstain.wanted_accuracy) == (middle, None)


def test_a_wanted_accuracy_is_found_on_val_by_blends_that_did_not_see_it(blended, monkeypatch):
    given = []

    def found(*brought):
        given.extend(brought)
        return Abstention(0.4, 0.7, (0.6, 0.8), 0.9, (0.85, 0.95), 0.86)

    monkeypatch.setattr(abstain, "abstention", found)
    report = ek.predict(TEST, blend="prob-mean", accuracy=0.85, out="some.json", **FAST)
    pool, _ = pool_of("prob-mean", "val")
    confidence, correct = np.zeros((4, 60)), np.zeros((4, 60), bool)
    for split in splits(pool.ids, pool.labels, pool.groups):
        held = pool.rows(split.held)
        tuned = tune(pool.fold(split.seen), "prob-mean", {"cnn": 2 / 3, "small": 1 / 3}, ["equal", "equal"])
        chances = probabilities(held, tuned)
        confidence[split.repeat, split.held] = chances.max(axis=1)
        correct[split.repeat, split.held] = chances.argmax(axis=1) == held.labels
    np.testing.assert_allclose(given[0], confidence)
    np.testing.assert_array_equal(given[1], correct)
    assert given[2:] == [None, 0.85]
    assert report.abstain.accuracy_at_least == 0.86
    rows = said_json("some.json")
    assert [row["abstained"] for row in rows] == [row["probability"] < 0.4 for row in rows]
    assert report.abstained == sum(row["abstained"] for row in rows)


def test_what_60_images_cannot_promise_is_said_and_everything_flagged(blended):
    done = CliRunner().invoke(
        command, ["predict", "prob-mean", *TEST, "--accuracy", "0.99", "--quiet", "--engine", "eager"]
    )
    assert done.exit_code == 0, done.output
    assert "On 60 val images no threshold promises that 99.0 %" in " ".join(done.stdout.split())
    assert {row["abstained"] for row in said()} == {"true"}


def test_images_that_cannot_be_read_have_a_row_with_the_reason(blended):
    shutil.copytree("data/test", "new")
    Path("new/0003.png").write_bytes(b"no image")
    Path("new/gone.png").symlink_to("nowhere")
    Path('new/zz, "quoted"\nnamed <b>ü.png').write_bytes(b"")
    ek.predict(TEST, blend="logit-sum", out="whole.csv", **FAST)
    for extra in ({}, {"early_exit": 0.2}):
        report = ek.predict(["new"], blend="logit-sum", out="new.csv", replace=True, **extra, **FAST)
        rows = {row["image_id"]: row for row in said("new.csv")}
        assert (report.pictures, report.unreadable, len(rows)) == (39, 3, 39)
        assert "0003.png" in report.first_unreadable
        for name, reason in {
            "0003.png": "not an image",
            "gone.png": "broken link",
            'zz, "quoted"\nnamed <b>ü.png': "empty",
        }.items():
            assert (rows[name]["label"], rows[name]["probability"], rows[name]["looks"]) == ("", "", "")
            assert reason in rows[name]["error"]
    ek.predict(["new"], blend="logit-sum", out="new.csv", replace=True, **FAST)
    whole = {row["image_id"]: row for row in said("whole.csv")}
    rows = {row["image_id"]: row for row in said("new.csv")}
    before = [f"{place:04d}.png" for place in range(37) if place != 3]
    assert [rows[name] for name in before] == [whole[name] for name in before]  # they stand in the batches of tta


def test_nothing_stands_under_the_name_where_nothing_could_be_read_or_it_was_broken_off(blended, monkeypatch):
    Path("bad").mkdir()
    Path("bad/a.png").write_bytes(b"x")
    with pytest.raises(BadDataError, match=r"(?s)No image can be read, of 1: .*a.png.*Nothing was written"):
        ek.predict(["bad"], blend="logit-sum", **FAST)
    monkeypatch.setattr(predict_chunks, "CHUNK_BATCHES", 1)
    monkeypatch.setattr(Watch, "advance", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    Path("old.csv").write_text("as it was")
    for out in ("predictions.csv", "old.csv"):
        with pytest.raises(KeyboardInterrupt):
            ek.predict(TEST, blend="logit-sum", out=out, replace=True, **FAST)
    assert not Path("predictions.csv").exists()
    assert Path("old.csv").read_text() == "as it was"
    assert not list(Path().glob(".tmp-*"))


def test_images_are_in_memory_chunk_by_chunk_and_never_in_the_cache(blended, monkeypatch):
    alive, most = set(), []
    stream = predict_chunks.stream_images

    def watched(places, sizes_px, chunk, max_px):
        for one in stream(places, sizes_px, chunk, max_px):
            assert set(one.images) == {16, 24}
            alive.add(id(one.images[24]))
            most.append(len(one.ids))
            yield one

    monkeypatch.setattr(predict_chunks, "stream_images", watched)
    monkeypatch.setattr(predict_chunks, "CHUNK_BYTES", 2 * 8 * (3 * (24**2 + 16**2) + 4 * 8 * 10))
    before = sorted(Path(".ek/images").iterdir())
    ek.predict(TEST, blend="logit-sum", **FAST)
    assert most == [16, 16, 5]
    assert sorted(Path(".ek/images").iterdir()) == before


def test_one_image_will_do(blended):
    ek.predict(["data/test/0005.png"], blend="logit-sum", out="one.csv", **FAST)
    assert [row["image_id"] for row in said("one.csv")] == ["0005.png"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, InvalidOptionError, r"'blends' holds \d blends: logit-sum, .*prob-mean.*Name the one that is meant"),
        ({"blends": "empty"}, InvalidOptionError, "no blend in 'empty'. Make one: ek blend"),
        ({"method": "borda"}, InvalidOptionError, "A blend has its own method"),
        ({"blend": "logit-sum", "ckpt": "runs/cnn"}, InvalidOptionError, "--blend NAME or --ckpt RUN, got both"),
        ({"ckpt": "cn"}, InvalidOptionError, "no run or checkpoint cn; did you mean 'runs/cnn'"),
        ({"ckpt": "runs/cn"}, InvalidOptionError, "no run or checkpoint runs/cn; did you mean 'runs/cnn'"),
        ({"blend": "logitsum"}, InvalidOptionError, "no blend blends/logitsum.json; did you mean 'logit-sum'"),
        ({"blend": "logit-sum", "images": ["dat/test"]}, BadDataError, "'dat/test'; did you mean 'data/test'"),
        ({"blend": "logit-sum", "method": "borda"}, InvalidOptionError, "A blend has its own method"),
        ({"blend": "nothing"}, InvalidOptionError, "There is no blend .*nothing.json. Blends there: logit-sum, maj"),
        ({"ckpt": "runs/cnn", "method": "bord"}, UnknownNameError, "did you mean 'borda'"),
        ({"ckpt": "runs/cnn", "predictions": "empty"}, InvalidOptionError, "has no member in empty. Make it: ek tta"),
        ({"blend": "logit-sum", "out": "new.txt"}, InvalidOptionError, "ends in .csv, .json, .jsonl"),
        ({"blend": "logit-sum", "out": "folder.csv"}, InvalidOptionError, r"'folder.csv' is a folder; wanted a file"),
        ({"blend": "logit-sum", "top": 11}, InvalidOptionError, "--top is 11; wanted 1 to 10"),
        (
            {"blend": "logit-sum", "early_exit": 0},
            InvalidOptionError,
            "--early-exit 0 loses nothing, and logit-sum has no",
        ),
        ({"blend": "prob-mean", "early_exit": 1.5}, InvalidOptionError, "--early-exit is 1.5; wanted a share from 0"),
        (
            {"blend": "prob-mean", "early_exit": 0, "accuracy": 0.9},
            InvalidOptionError,
            "of the members that were asked",
        ),
        ({"blend": "prob-mean", "abstain_below": 0.4, "accuracy": 0.9}, InvalidOptionError, "give one of the two"),
        ({"blend": "prob-mean", "abstain_below": 2.0}, InvalidOptionError, "--abstain-below is 2.0; wanted a share"),
        ({"blend": "prob-mean", "accuracy": float("nan")}, InvalidOptionError, "--accuracy is nan; wanted a share"),
        ({"blend": "prob-mean", "batch_size": 0}, InvalidOptionError, "--batch-size is 0"),
        ({"blend": "prob-mean", "images": ["nowhere"]}, BadDataError, "There is no file or folder 'nowhere'"),
        ({"blend": "prob-mean", "images": []}, InvalidOptionError, "Wanted images or folders of images"),
    ],
)
def test_what_cannot_be_is_refused(blended, given, error, message):
    Path("folder.csv").mkdir()
    with pytest.raises(error, match=message):
        ek.predict(**{"images": TEST, **FAST, **given})
    assert not Path("predictions.csv").exists()


def test_a_member_whose_network_is_gone_is_named(blended):
    for checkpoint in Path("runs/small").glob("checkpoint-*"):
        checkpoint.unlink()
    with pytest.raises(InvalidOptionError, match="'small' is not there: 'runs/small' .* Work in the folder where"):
        ek.predict(TEST, blend="prob-mean", **FAST)


def test_members_that_cannot_look_and_stale_blends_are_refused_by_name(blended):
    pool, _ = pool_of("logit-sum", "val")
    with open("val.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "label", *pool.classes])
        for image, label, logits in zip(pool.ids, pool.labels, pool.logits[0][0], strict=True):
            writer.writerow([image, pool.classes[label], *logits])
    ek.members_add("foreign", "val.csv", kind="logits")
    ek.blend(["cnn", "foreign"], weights="equal", name="mixed", **QUIET)
    with pytest.raises(InvalidOptionError, match="'foreign' was imported as scores and has no network"):
        ek.predict(TEST, blend="mixed", **FAST)
    ek.tta("runs/small", views="vflip", **FAST)
    with pytest.raises(CorruptError, match="was made from another state of member 'small'"):
        ek.predict(TEST, blend="logit-sum", **FAST)


def test_members_that_name_classes_in_another_order_speak_in_that_of_the_blend(blended):
    pool, tuned = pool_of("logit-sum")
    asked = predict_chunks.Runner.run
    ek.predict(TEST, blend="logit-sum", out="whole.json", **FAST)
    blend = blend_predictor("logit-sum", Workspace(), False)
    turned = replace(blend, classes=blend.classes[::-1])
    way = pass_settings("eager", "float32", 8, "cpu", None, False)
    images = np.zeros((3, 3, 24, 24), np.uint8)
    one = asked(predict_chunks.Runner(blend, 0, way, True), images, (0, 2))
    other = asked(predict_chunks.Runner(turned, 0, way, True), images, (0, 2))
    np.testing.assert_array_equal(one[..., ::-1], other)
    assert len(apart(tuned, True).steps) == 8
    assert pool.classes == blend.classes


def test_what_is_printed_fits_80_columns_and_json_is_one_object(blended):
    Path("new").mkdir()
    Image.new("RGB", (9, 5)).save("new/a.png")
    Path("new/b.png").write_bytes(b"x")
    base = ["--quiet", "--replace", "--engine", "eager"]
    for words in (
        ["logit-sum", "new", "--early-exit", "0.2"],
        ["logit-sum", "new", "--early-exit", "0.001"],
        ["prob-mean", "new", "--early-exit", "0"],
        ["prob-mean", "new", "--accuracy", "0.5"],
        ["new", "--ckpt", "runs/cnn", "--method", "prob-mean", "--abstain-below", "0.5"],
        ["logit-sum", "new", "--json"],
    ):
        done = CliRunner().invoke(command, ["predict", *words, *base])
        assert done.exit_code == 0, done.output
        if "--json" in words:
            assert json.loads(done.stdout)["unreadable"] == 1
        else:
            assert max(map(len, done.stdout.splitlines())) <= 80, done.stdout
            assert done.stdout.startswith("1 image by ")
            assert "1 image could not be read and has no label" in " ".join(done.stdout.split())


def test_without_a_name_the_only_blend_is_asked_and_named(blended):
    kept = Path("blends/prob-mean.json")
    for other in Path("blends").glob("*.json"):
        if other != kept:
            other.unlink()
    report = ek.predict(["data/test/0005.png"], out="one.csv", **FAST)
    assert (report.name, report.blend) == ("prob-mean", True)
    done = CliRunner().invoke(command, ["predict", "data/test/0005.png", "--out", "two.csv", "--quiet"])
    assert "by blend 'prob-mean'" in done.stdout
    assert said("one.csv") == said("two.csv")
