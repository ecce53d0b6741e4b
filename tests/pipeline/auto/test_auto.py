"""`ek auto` from images to submission, with a tiny portfolio and a clock that the test holds."""

import csv
import hashlib
import importlib
import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from hub_stand_in import keep

import ensemble_kit as ek
import models_zoo
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import BadDataError, InvalidOptionError, LockedError, MisalignedError, ResourceError
from ensemble_kit.pipeline.auto import budget, portfolio
from ensemble_kit.pipeline.auto import measure as auto_measuring
from ensemble_kit.pipeline.auto import nearness as auto_nearness
from ensemble_kit.pipeline.auto import plan_and_train as auto_work
from ensemble_kit.pipeline.auto.flip_test import NO_TRIAL, FlipTrial
from ensemble_kit.pipeline.auto.measure import Taken
from ensemble_kit.pipeline.auto.portfolio import Candidate, Cost
from ensemble_kit.pipeline.entry.signals import Stopped
from ensemble_kit.pipeline.runs.resume import Saver
from ensemble_kit.reporting.auto import done
from ensemble_kit.storage.files.atomic import locked
from ensemble_kit.storage.members.commit import list_members, read_manifest
from ensemble_kit.storage.members.read import read_predictions
from ensemble_kit.storage.runs.auto_state import read_spent, write_spent

auto_module, tta_module = (
    importlib.import_module(f"ensemble_kit.pipeline.{name}") for name in ("auto.auto", "views.tta")
)
TEST = 13
TINY = {"arch": "mlp", "recipe": "assignment", "epochs": 2, "least_epochs": 1, "largest_px": 16}
WIDTH = {"arch_option": {"width": 7}}
TUNED = {name: value for name, value in TINY.items() if name != "arch"} | {"recipe": "finetune-far", "pretrained": True}
LITE0, SMALLEST = "timm:tf_efficientnet_lite0", "timm:mobilenetv4_conv_small"
FIELD = (
    Candidate("zebra", **TINY, **WIDTH),
    Candidate("ant", **TINY, **WIDTH, seed=1),
    Candidate("ant", **TINY, **WIDTH, seed=2),
)
COST = Cost(epoch_s=8.0, view_s=0.5, once_s=2.0)
TWO = ["auto-zebra-0", "auto-ant-1"]
"""Those that fit into a minute: 2 x 8 + 3 x 0.5 + 2 s each, and 7 s at the end."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Drawn images, decoded once."""
    folder = tmp_path_factory.mktemp("drawn")
    ek.demo_data(folder / "data", train=50, val=53, test=TEST, size=16, quiet=True)
    return folder / "data"


def standing(name):
    """Return the checkpoint of the member of that name, and when it was written: the same bits may be made anew."""
    folder = Path("predictions") / str(name)
    if not folder.is_dir():
        return None
    return read_manifest(folder).checkpoint_sha256, (folder / "member.json").stat().st_mtime_ns


class World:
    """A working folder in which time goes by only while members are made, as was measured."""

    def __init__(self, data, patch):
        self.now, self.data, self.patch, self.calls, self.steps_s = 0.0, data, patch, [], 0.0
        self.cost = COST
        for module in (budget, auto_module):
            patch.setattr(module, "time", self)
        patch.setattr(portfolio, "PORTFOLIO", FIELD)
        patch.setattr(auto_measuring, "_cost", lambda *given: self.cost)
        self.has()
        patch.setattr(auto_measuring, "VIEWS", "flips,scale@1.1")
        patch.setattr(auto_measuring, "UNMIRRORED", "scale@1.1,scale@1.2")
        patch.setattr(portfolio, "WANTED", 2)
        patch.setattr(tta_module, "curve_of", lambda *given: None)  # a plot takes a second
        patch.setattr(
            auto_work, "taken_by", lambda work, decoded, name: Taken(self.steps_s, self.cost.epoch_s, COST.view_s)
        )
        self.takes("train", self.trained_in)
        self.takes("tta", lambda given: 2 * COST.view_s)

    def has(self, **where):
        """Let weights be at hand: lite0="installed"; all others are at the hub alone, where nothing is fetched."""
        self.patch.setattr(models_zoo, "weights_at_hand", lambda arch: where.get(portfolio.short_name(arch), "hub"))
        self.patch.setattr(models_zoo, "fetch_weights", lambda *given: pytest.fail("fetched unasked"))

    def offers_weights(self):
        """Let the portfolio begin with a pre-trained network that costs as little as the others."""
        self.patch.setattr(portfolio, "PORTFOLIO", (None, *FIELD))
        self.patch.setattr(portfolio, "_TUNED", TUNED)

    def perf_counter(self):
        return self.now

    def trained_in(self, given):
        self.steps_s = min(60 * given["minutes"], given["epochs"] * self.cost.epoch_s)
        return self.steps_s + COST.view_s + 1.5

    @property
    def made(self):
        """What was called, in order."""
        return [name for name, _ in self.calls]

    def takes(self, name, seconds):
        genuine = getattr(auto_work, name)

        def timed(*args, **given):
            before = standing(given.get("name"))
            passed_on = given if given.get("minutes", 0) < 1e-6 else {**given, "minutes": 60.0}  # of the genuine clock
            report = genuine(*args, **passed_on)
            if name == "tta" or standing(given["name"]) != before:
                self.now += seconds(given)
                self.calls.append((name, given))
            return report

        self.patch.setattr(auto_work, name, timed)

    def run(self, data=None, **given):
        said = {"minutes": 1, "flip": True, "threads": 1, "device": "cpu", "quiet": True}
        return ek.auto(data or self.data, **{**said, "cache": self.data.parent / ".ek", **given})


@pytest.fixture
def world(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return World(data, monkeypatch)


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """A folder in which a minute was spent, and what was said of it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return SimpleNamespace(folder=folder, report=World(data, patch).run())


@pytest.fixture
def spent(finished, world):
    """A copy of that folder, to go on in."""
    shutil.copytree(finished.folder, ".", dirs_exist_ok=True)
    return world


def flat(text):
    return " ".join(text.split())


def rows(path="submissions/auto.csv"):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_a_minute_ends_with_a_submission_that_names_every_test_image_in_order(finished, data):
    header, *lines = rows(finished.folder / finished.report.submission_path)
    assert header == ["image_id", "label"]
    assert [one[0] for one in lines] == sorted(path.name for path in (data / "test").iterdir())
    assert {one[1] for one in lines} <= {path.name for path in (data / "train").iterdir()}
    assert len(lines) == TEST
    assert finished.report.used_s <= 60


def test_those_that_fit_are_trained_as_planned_and_blended(finished):
    report, folder = finished.report, finished.folder
    assert [one.name for one in report.plan] == [one.name for one in report.steps] == TWO
    assert list(report.blend.numbers.members) == TWO
    assert sorted(list_members(folder / "predictions")) == sorted(TWO)
    for seed, (planned, step) in enumerate(zip(report.plan, report.steps, strict=True)):
        manifest = read_manifest(folder / "predictions" / step.name)
        assert manifest.seed == seed
        assert manifest.training["kept_epoch"] == step.epochs
        assert planned.epochs <= step.epochs <= auto_work.CAP_OF_LAST * portfolio.LONGEST * TINY["epochs"]
        assert step.views == len(manifest.views) > 2
        assert {"hflip", "identity"} < set(manifest.views)


def test_what_each_member_added_sums_to_what_the_blend_is_worth(finished):
    steps, blend = finished.report.steps, finished.report.blend
    assert steps[0].added is None
    gains = sum(one.added for one in steps[1:])
    assert gains == pytest.approx(blend.honest_accuracy - steps[0].honest_accuracy)
    assert steps[-1].honest_accuracy == blend.honest_accuracy
    assert steps[-1].honest_interval == blend.honest_interval


def test_a_step_is_worth_what_blending_it_alone_says(finished, data, monkeypatch):
    monkeypatch.chdir(finished.folder)
    alone = ek.blend(["auto-zebra-0"], name="alone", cache=data.parent / ".ek", quiet=True)
    assert finished.report.steps[0].honest_accuracy == alone.honest_accuracy
    assert finished.report.steps[0].val_accuracy == alone.best_single.tuned_accuracy


def test_the_same_again_trains_nothing_and_says_the_same(finished, spent):
    before = Path("submissions/auto.csv").read_bytes()
    again = spent.run()
    assert spent.made == []
    assert Path("submissions/auto.csv").read_bytes() == before
    assert again.steps == finished.report.steps
    assert [one.done for one in again.plan] == [True, True]
    assert again.used_s == pytest.approx(finished.report.used_s)


def test_with_more_minutes_it_adds_a_member_and_leaves_the_others(finished, spent):
    more = spent.run(minutes=1.5)
    assert [one.name for one in more.steps] == [*TWO, "auto-ant-2"]
    assert spent.made == ["train", "tta"]
    assert more.steps[:2] == finished.report.steps
    assert finished.report.used_s < more.used_s <= 90


def test_a_plan_trains_nothing_and_what_follows_measures_nothing_again(world):
    planned = world.run(plan=True)
    assert [one.name for one in planned.plan] == TWO
    assert (planned.blend, planned.steps, planned.submission_path) == (None, (), None)
    assert world.made == []
    assert not list_members(Path("predictions"))
    world.patch.setattr(auto_measuring, "_cost", lambda *given: pytest.fail("measured again"))
    assert world.run(plan=True).plan == planned.plan


def stop_in_training(world, monkeypatch):
    genuine = Saver.pause
    sent = []

    def pause(saver, take):
        if "ant" in saver.folder.name and not sent:
            sent.append(signal.raise_signal(signal.SIGTERM))
        genuine(saver, take)

    monkeypatch.setattr(Saver, "pause", pause)


def stop_in(name, call):
    """Return what lets Ctrl-C come before the so-manieth call."""

    def arrange(world, monkeypatch):
        genuine, count = getattr(auto_work, name), iter(range(1, 99))

        def broken(*args, **given):
            if next(count) == call:
                raise KeyboardInterrupt
            return genuine(*args, **given)

        monkeypatch.setattr(auto_work, name, broken)

    return arrange


def stop_in_blending(world, monkeypatch):
    genuine, count = auto_module.blend, iter(range(2))

    def broken(*args, **given):
        if next(count) == 0:
            raise KeyboardInterrupt
        return genuine(*args, **given)

    monkeypatch.setattr(auto_module, "blend", broken)


@pytest.mark.parametrize(
    ("arrange", "code"),
    [
        (stop_in_training, 143),
        pytest.param(stop_in("train", 1), 130, marks=pytest.mark.slow),
        (stop_in("tta", 2), 130),
        pytest.param(stop_in_blending, 130, marks=pytest.mark.slow),
    ],
)
def test_interrupted_the_same_again_ends_as_if_it_never_was(world, finished, monkeypatch, arrange, code):
    arrange(world, monkeypatch)
    with pytest.raises(Stopped, match=r"are saved\.\nGo on: the same again\.$") as stopped:
        world.run()
    assert stopped.value.exit_code == code
    resumed = world.run()
    assert [one.name for one in resumed.steps] == TWO
    assert Path("submissions/auto.csv").read_bytes() == (finished.folder / "submissions/auto.csv").read_bytes()
    for name in TWO:
        mine, theirs = (
            read_predictions(place / name, "test") for place in (Path("predictions"), finished.folder / "predictions")
        )
        assert mine.logits.tobytes() == theirs.logits.tobytes()


def test_who_began_anew_goes_on_without_replace(spent, monkeypatch):
    stop_in("tta", 1)(spent, monkeypatch)
    with pytest.raises(Stopped, match=r"Go on: the same again, without --replace\.$"):
        spent.run(replace=True)
    assert list(read_spent(Path("runs/auto.budget.json")).begun) == TWO[:1]
    assert [one.name for one in spent.run().steps] == TWO
    assert spent.made == ["train", "tta", "train", "tta"]


def test_replace_begins_anew(spent, finished):
    again = spent.run(replace=True)
    assert spent.made == ["train", "tta"] * 2
    assert again.used_s == pytest.approx(finished.report.used_s)
    assert again.steps == tuple(
        replace(one, train_s=new.train_s) for one, new in zip(finished.report.steps, again.steps, strict=True)
    )


def test_replace_lets_go_of_what_was_asked_before(spent):
    assert [one.name for one in spent.run(replace=True, seed=5, plan=True).plan] == ["auto-zebra-5", "auto-ant-6"]


def test_another_request_under_the_name_is_refused(spent):
    with pytest.raises(InvalidOptionError, match="begun for something else:\n  flip: True there, False here\nChoose"):
        spent.run(flip=False)
    assert spent.run(name="other", flip=False, plan=True).plan[0].name == "other-zebra-0"


@pytest.mark.slow
def test_a_member_is_gone_on_with_by_as_many_threads_as_it_was_begun(world, monkeypatch):
    stop_in_training(world, monkeypatch)
    with pytest.raises(Stopped, match="saved"):
        world.run()
    assert [one.name for one in world.run(threads=2).steps] == TWO
    assert {read_manifest(Path("predictions") / name).training["threads"] for name in TWO} == {1}


def test_where_one_member_alone_fits_a_second_goes_on_from_it(world):
    world.cost = replace(COST, epoch_s=30.0)
    report = world.run()
    assert [one.name for one in report.steps] == ["auto-zebra-0", "auto-zebra-0-longer"]
    (_, first), _, (_, second), _ = world.calls
    assert 60 * first["minutes"] == pytest.approx(0.6 * (60 - 0.6 - 2 * auto_work.BLENDING_S) - 2.5 - 2.5, abs=0.1)
    assert second["init"].startswith("runs/auto-zebra-0/checkpoint-")
    assert second["lr"] == pytest.approx(1e-4)
    manifest = read_manifest(Path("predictions/auto-zebra-0-longer"))
    assert (manifest.arch, manifest.training["size"], manifest.seed) == ("mlp", 16, 0)
    assert not manifest.training["pretrained"]
    assert 0.94 * 60 <= report.used_s <= 60


@pytest.fixture(scope="module")
def taught(data, tmp_path_factory):
    """A folder in which a minute was spent with soft labels, what was said of it, and what was called."""
    folder = tmp_path_factory.mktemp("taught")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        world = World(data, patch)
        return SimpleNamespace(folder=folder, report=world.run(unlabelled="test"), calls=world.calls)


def test_the_last_member_alone_learns_from_test_images_by_soft_labels_of_those_before_it(taught, finished):
    first, last = (read_manifest(taught.folder / "predictions" / name).training for name in TWO)
    assert first.get("teacher") is None
    teacher = hashlib.sha256((taught.folder / "predictions/auto-zebra-0/member.json").read_bytes()).hexdigest()
    assert last["teacher"] == {"auto-zebra-0": teacher}
    assert last["unlabelled_images"] == TEST
    assert [one.teacher for one in taught.report.steps] == [(), ("auto-zebra-0",)]
    said = " ".join(done(taught.report).split())
    assert "auto-ant-1 learnt from the test images too, by soft labels of auto-zebra-0." in said
    one, other = (
        read_predictions(place / "predictions" / "auto-zebra-0", "test").logits
        for place in (taught.folder, finished.folder)
    )
    assert one.tobytes() == other.tobytes()


def test_interrupted_while_the_last_member_is_taught_it_ends_as_if_it_never_was(world, taught, monkeypatch):
    stop_in_training(world, monkeypatch)
    with pytest.raises(Stopped, match="saved"):
        world.run(unlabelled="test")
    resumed = world.run(unlabelled="test")
    assert [one.teacher for one in resumed.steps] == [(), ("auto-zebra-0",)]
    assert Path("submissions/auto.csv").read_bytes() == (taught.folder / "submissions/auto.csv").read_bytes()
    mine, theirs = (
        read_predictions(place / TWO[1], "test") for place in (Path("predictions"), taught.folder / "predictions")
    )
    assert mine.logits.tobytes() == theirs.logits.tobytes()


def test_a_member_that_goes_on_from_the_only_one_is_taught_by_it(world):
    world.cost = replace(COST, epoch_s=30.0)
    report = world.run(unlabelled="test")
    assert [(one.name, one.teacher) for one in report.steps] == [
        ("auto-zebra-0", ()),
        ("auto-zebra-0-longer", ("auto-zebra-0",)),
    ]


def test_soft_labels_are_not_added_to_what_was_begun_without_them(spent):
    with pytest.raises(InvalidOptionError, match="unlabelled: None there, test here"):
        spent.run(unlabelled="test")


def test_where_no_test_image_may_be_learnt_from_the_others_are_blended(world, tmp_path):
    shutil.copytree(world.data, tmp_path / "data")
    for path in (tmp_path / "data/test").iterdir():
        shutil.copy(next((tmp_path / "data/val").rglob("*.png")), path)
    report = world.run(tmp_path / "data", unlabelled="test")
    assert [one.name for one in report.steps] == TWO[:1]
    assert "No member learnt from the test images" in done(report)


def test_a_clock_that_ran_out_before_the_first_member_still_yields_one(world):
    def slow(*given):
        world.now += 55.0
        return FlipTrial(17, 0.5, 0.5, 1.0, 0.1)

    world.patch.setattr(auto_measuring, "try_flips", slow)
    report = world.run(flip=None)
    assert [one.name for one in report.steps] == TWO[:1]
    assert report.steps[0].views == 1
    assert len(rows()) == 1 + TEST
    assert report.flips == ek.results.FlipReport(True, False, 17, 0.5, 0.5, 1.0, 0.1, None, True, "harmless")


@pytest.mark.parametrize(
    ("trial", "flip", "verdict"),
    [
        (FlipTrial(53, 0.9, 0.1, 1e-9, 1.3), False, "harmful"),
        (FlipTrial(53, 0.9, 0.9, 1.0, 0.1), True, "harmless"),
        (FlipTrial(53, 0.9, 0.9, 1.0, 0.1, ("b", "d")), False, "harmful"),
        (FlipTrial(53, 0.9, 0.9, 1.0, 0.3), False, "unclear"),
        (FlipTrial(53, 0.2, 0.2, 1.0, None, in_time=False), False, "unclear"),
        (NO_TRIAL, False, "unclear"),
    ],
)
def test_what_the_flip_trial_says_is_obeyed(world, trial, flip, verdict):
    world.patch.setattr(auto_measuring, "try_flips", lambda *given: trial)
    report = world.run(flip=None, plan=True)
    assert (report.flips.flip, report.flips.verdict) == (flip, verdict)
    assert not report.flips.asked
    assert world.run(flip=None, plan=True).flips == report.flips  # as it was remembered


@pytest.mark.parametrize(("flip", "verdict"), [(True, "harmless"), (False, "harmful"), (False, None)])
def test_what_the_trial_of_an_older_version_decided_stands_without_its_figures(world, flip, verdict):
    world.patch.setattr(auto_measuring, "try_flips", lambda *given: NO_TRIAL)
    world.run(flip=None, plan=True)
    spent = read_spent(Path("runs/auto.budget.json"))
    spent.found["flips"] = {"flip": flip, "asked": False, "images": 53, "accuracy": 0.9, "mirrored_accuracy": 0.4}
    spent.found["flips"] |= {"p": 1e-9, "verdict": verdict} if verdict else {"p": 1e-9}
    write_spent(Path("runs/auto.budget.json"), spent)
    assert world.run(flip=None, plan=True).flips == ek.results.FlipReport(flip, False, verdict=verdict)


@pytest.mark.slow
def test_not_to_be_mirrored_holds_for_training_and_looking(world):
    world.patch.setattr(auto_measuring, "try_flips", lambda *given: pytest.fail("asked for nothing"))
    report = world.run(flip=False)
    assert report.flips == ek.results.FlipReport(False, True)
    for name in TWO:
        manifest = read_manifest(Path("predictions") / name)
        assert manifest.training["hyperparameters"]["flip"] is False
        assert not [view for view in manifest.views if "flip" in view]
        assert len(manifest.views) > 2


def test_weights_at_hand_are_used_unless_not_asked_for(world):
    world.offers_weights()
    assert [one.name for one in world.run(plan=True, name="bare").plan] == ["bare-zebra-0", "bare-ant-1"]
    world.has(lite0="installed")
    first = world.run(plan=True).plan[0]
    assert (first.name, first.pretrained, first.recipe) == ("auto-lite0-0", True, "finetune-far")
    without = world.run(plan=True, name="without", pretrained=False)
    assert not any(one.pretrained for one in without.plan)


def probing(world, accuracy):
    """Let the probe of weights that are installed have that accuracy on val; return what it was asked."""
    probed = []

    def probe(*args, **given):
        probed.append(given)
        return SimpleNamespace(member=SimpleNamespace(val_accuracy=accuracy), train_accuracy=accuracy)

    world.offers_weights()
    world.has(lite0="installed")
    world.patch.setattr(auto_nearness, "probe", probe)
    world.cost = replace(COST, epoch_s=4.0)
    return probed


@pytest.mark.parametrize(
    ("accuracy", "from_nothing", "recipe"),
    [
        (0.727, 0.55, "finetune"),  # photographs that are hard
        (0.87, 0.91, "finetune-far"),  # drawings that are easy
        (0.70, 0.65, "finetune-far"),
        (0.86, None, "finetune"),  # no small network was asked
        (0.84, None, "finetune-far"),
    ],
)
def test_features_that_beat_a_small_network_from_nothing_are_changed_little(world, accuracy, from_nothing, recipe):
    probed = probing(world, accuracy)
    if from_nothing is not None:
        trial = FlipTrial(53, from_nothing - 0.1, from_nothing, 1.0, 0.1)
        world.patch.setattr(auto_measuring, "try_flips", lambda *given: trial)
    first = world.run(plan=True, flip=None if from_nothing else True).plan[0]
    assert (first.name, first.pretrained, first.recipe) == ("auto-lite0-0", True, recipe)
    assert (probed[0]["arch"], probed[0]["name"], probed[0]["pretrained"]) == (LITE0, "auto-probe", True)
    assert ".ek" in probed[0]["workspace"].predictions.parts  # no blend takes it in


def test_without_weights_nothing_is_probed(world):
    probed = probing(world, 0.9)
    assert not any(one.pretrained for one in world.run(plan=True, pretrained=False).plan)
    world.has()
    assert [one.name for one in world.run(plan=True, name="bare").plan] == ["bare-zebra-0", "bare-ant-1", "bare-ant-2"]
    assert probed == []


def test_a_probe_that_would_take_long_is_left_out(world):
    probed = probing(world, 0.99)
    world.cost = replace(COST, epoch_s=10.0)
    assert world.run(plan=True).plan[0].recipe == "finetune-far"
    assert probed == []


def test_weights_in_the_hubs_cache_are_at_hand_as_installed_ones_are(world):
    world.offers_weights()
    world.has(mobilenetv4_conv_small="cached")
    first = world.run(plan=True).plan[0]
    assert (first.name, first.arch, first.pretrained) == ("auto-mobilenetv4_conv_small-0", SMALLEST, True)


@pytest.mark.slow
def test_weights_that_cannot_be_read_are_not_probed_and_their_members_passed_over(world, hub_cache):
    world.offers_weights()
    keep(hub_cache, models_zoo.IMAGENET[SMALLEST].hub, b"half a file")
    world.has(mobilenetv4_conv_small="cached")
    world.cost = replace(COST, epoch_s=4.0)
    report = world.run()
    assert report.plan[0].name == "auto-mobilenetv4_conv_small-0"
    made = ["auto-zebra-0", "auto-ant-1", "auto-ant-2", "auto-zebra-0-longer"]  # what time is left, the last has
    assert [one.name for one in report.steps] == made


def test_what_was_at_hand_at_first_stays_the_portfolio(world):
    world.offers_weights()
    planned = world.run(plan=True).plan
    world.has(lite0="installed")
    assert world.run(plan=True).plan == planned


def fetching(world, tmp_path, fails_at=99):
    """Let the hub answer, up to so many files; return what was fetched."""
    asked, here = [], {"lite0": "installed"}

    def fetch(arch, seconds):
        assert 0 < seconds <= 6  # a tenth of the minute
        asked.append(arch)
        if len(asked) >= fails_at:
            raise models_zoo.UnreachableError("The hub does not answer.")
        here[portfolio.short_name(arch)] = "cached"
        (tmp_path / "weights").write_bytes(bytes(17_000_000))
        return tmp_path / "weights"

    world.offers_weights()
    world.has(**here)
    world.patch.setattr(models_zoo, "weights_at_hand", lambda arch: here.get(portfolio.short_name(arch), "hub"))
    world.patch.setattr(models_zoo, "fetch_weights", fetch)
    return asked


def test_asked_to_fetch_it_fetches_what_suits_the_budget_once_and_says_so(world, tmp_path, capsys):
    asked = fetching(world, tmp_path)
    report = world.run(plan=True, fetch=True, quiet=False)
    assert asked == ["timm:hgnetv2_b0", "timm:convnext_atto"]  # of the three that suit a minute, one is installed
    assert [(one.arch, one.size_mb, one.licence) for one in report.fetched] == [
        (arch, 17.0, "apache-2.0") for arch in asked
    ]
    assert report.not_fetched is None
    assert "Fetching the weights of timm:hgnetv2_b0 (24 MB, apache-2.0) ..." in capsys.readouterr().err
    again = world.run(plan=True, fetch=True)
    assert (len(asked), again.fetched, again.plan) == (2, report.fetched, report.plan)


def test_a_hub_that_does_not_answer_is_said_and_what_is_at_hand_is_taken(world, tmp_path, capsys):
    asked = fetching(world, tmp_path, fails_at=2)
    report = world.run(plan=True, fetch=True, quiet=False)
    assert len(asked) == 2
    assert [one.arch for one in report.fetched] == asked[:1]
    assert report.not_fetched == "The hub does not answer."
    assert report.plan[0].name == "auto-lite0-0"
    assert "The hub does not answer. What is at hand is taken." in capsys.readouterr().err


def test_fetching_is_part_of_the_budget(world, tmp_path):
    fetching(world, tmp_path)
    genuine = models_zoo.fetch_weights

    def slow(arch, seconds):
        world.now += 2.5
        return genuine(arch, seconds)

    world.patch.setattr(models_zoo, "fetch_weights", slow)
    assert world.run(plan=True, fetch=True).used_s == pytest.approx(5.0)


def test_what_was_begun_without_fetching_goes_on_without_and_says_so(world, capsys):
    planned = world.run(plan=True).plan
    again = world.run(plan=True, fetch=True, quiet=False)
    assert (again.plan, again.fetched) == (planned, ())
    assert "Nothing is fetched: what 'auto' starts from was settled when it was begun." in flat(capsys.readouterr().err)


def test_to_fetch_weights_that_are_not_wanted_is_refused(world):
    with pytest.raises(InvalidOptionError, match="Wanted --fetch or --no-pretrained, got both"):
        world.run(fetch=True, pretrained=False)


def test_without_test_images_it_says_that_there_is_no_submission(world, tmp_path):
    for split in ("train", "val"):
        shutil.copytree(world.data / split, tmp_path / "data" / split)
    with pytest.raises(MisalignedError, match="There are no test images"):
        world.run(tmp_path / "data", out="mine.csv")
    with pytest.raises(
        MisalignedError, match="no test images to learn from. Give --test-dir DIR, or drop --unlabelled"
    ):
        world.run(tmp_path / "data", unlabelled="test")
    report = world.run(tmp_path / "data")
    assert report.submission_path is None
    assert [one.name for one in report.steps] == TWO
    assert "No submission: no test logits" in " ".join(report.blend.notes)


def test_a_sample_and_a_file_of_your_own_are_obeyed(spent):
    ids = [one[0].removesuffix(".png") for one in rows()[1:]][::-1]
    Path("sample.csv").write_text("Id,Category\n" + "".join(f"{one},x\n" for one in ids))
    report = spent.run(sample="sample.csv", out="mine/first.csv")
    assert report.submission_path == Path("mine/first.csv")
    header, *lines = rows("mine/first.csv")
    assert header == ["Id", "Category"]
    assert [one[0] for one in lines] == ids
    assert dict(lines) == {name.removesuffix(".png"): label for name, label in rows()[1:]}
    assert [one[0] for one in rows(spent.run(id="stem", out="stems.csv").submission_path)[1:]] == ids[::-1]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"id": "nam"}, InvalidOptionError, "Wanted ids by name or stem, got 'nam'"),
        ({"out": "mine.txt"}, InvalidOptionError, r"ends in \.csv, got mine\.txt"),
        ({"out": "taken/mine.csv"}, ResourceError, "taken"),
        ({"sample": "none.csv"}, BadDataError, r"Cannot read the sample file none\.csv"),
        ({"sample": "other.csv"}, MisalignedError, "7.png"),
        ({"runs": "taken"}, ResourceError, "taken"),
        ({"predictions": "taken"}, ResourceError, "taken"),
        ({"blends": "taken"}, ResourceError, "taken"),
        ({"minutes": 0.5}, InvalidOptionError, "--minutes is 0.5; wanted 1 or more"),
        ({"minutes": float("nan")}, InvalidOptionError, "--minutes is nan"),
        ({"minutes": float("inf")}, InvalidOptionError, "--minutes is inf"),
        ({"name": "a/b"}, InvalidOptionError, "a/b"),
        ({"unlabelled": "val"}, InvalidOptionError, "--unlabelled is 'val'; wanted test"),
        ({"threads": 0}, InvalidOptionError, "--threads is 0"),
    ],
)
def test_what_cannot_be_written_is_said_before_any_time_is_spent(world, given, error, message):
    Path("taken").write_text("a file")
    Path("other.csv").write_text("Id,Category\n7.png,x\n")
    world.patch.setattr(auto_measuring, "_cost", lambda *given: pytest.fail("time was spent"))
    with pytest.raises(error, match=message):
        world.run(**given)


def test_two_at_once_under_one_name_are_refused(world):
    with locked(world.data.parent / ".ek" / "locks" / "auto.budget"):
        with pytest.raises(LockedError, match="under the name 'auto'"):
            world.run()
        assert world.run(name="b", plan=True).plan[0].name == "b-zebra-0"


def test_the_command_prints_80_columns_or_json(spent):
    said = ["auto", "--data", str(spent.data), "--minutes", "1", "--flip", "--threads", "1", "--device", "cpu"]
    said += ["--cache", str(spent.data.parent / ".ek")]
    page = CliRunner().invoke(command, said)
    assert page.exit_code == 0, page.stderr
    assert max(map(len, (page.stdout + page.stderr).splitlines())) <= 80
    assert page.stdout.splitlines()[-1] == "Submission: submissions/auto.csv"
    assert "All that fits into the time is trained." in page.stderr + page.stdout
    found = json.loads(CliRunner().invoke(command, [*said, "--json", "--quiet"]).stdout)
    assert [one["name"] for one in found["steps"]] == TWO
    assert found["submission_path"] == "submissions/auto.csv"
    assert found["flips"] == {"flip": True, "asked": True, "images": None, "accuracy_without": None} | {
        "accuracy_with": None,
        "p": None,
        "lost_at_most": None,
        "swapped": None,
        "in_time": True,
        "verdict": None,
    }


def test_a_member_that_cannot_be_made_is_passed_over(world, monkeypatch):
    genuine = auto_work.train

    def diverging(**given):
        if given["name"] == "auto-zebra-0":
            raise InvalidOptionError("The training loss is nan.")
        return genuine(**given)

    monkeypatch.setattr(auto_work, "train", diverging)
    report = world.run()
    assert [one.name for one in report.steps] == ["auto-ant-1", "auto-ant-2"]
    assert report.submission_path.exists()


def test_where_no_member_can_be_made_the_first_reason_is_said(world, monkeypatch):
    def full(**given):
        raise ResourceError(f"out of memory in {given['name']}")

    monkeypatch.setattr(auto_work, "train", full)
    with pytest.raises(
        InvalidOptionError, match="No member could be trained. The first: out of memory in auto-zebra-0"
    ):
        world.run()
