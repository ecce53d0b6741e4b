"""Looking in parts, through models of others, and what is said about views; arithmetic is done again here."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import nn

import ensemble_kit as ek
from ensemble_kit.cli import ek as command
from ensemble_kit.errors import BadDataError, InvalidOptionError, LockedError, MisalignedError, UnknownNameError
from ensemble_kit.reporting.tta import views_added
from ensemble_kit.storage.files.atomic import locked
from ensemble_kit.storage.partial.job import Job

VIEWS = "hflip,crop@0.75:tl,scale@1.2"
FAST = {"quiet": True, "device": "cpu", "batch_size": 8, "engine": "eager"}


def manifest(name, predictions="predictions"):
    return json.loads(Path(predictions, name, "member.json").read_text())


def logits_of(name, split, predictions="predictions"):
    path = Path(predictions, name, manifest(name, predictions)["files"][split]["logits"]["file"])
    return np.load(path, allow_pickle=False)


def rows_of(name, split):
    with open(Path("predictions", name, manifest(name)["files"][split]["rows"]["file"]), newline="") as file:
        return list(csv.DictReader(file))


def pixels_of(ids, folder):
    return np.stack([np.asarray(Image.open(Path(folder, one)).convert("RGB")).transpose(2, 0, 1) for one in ids])


def brightness(pixels):
    """A model whose ten logits are ten means over bands of columns."""
    return torch.stack([10 * band.mean(dim=(1, 2, 3)) for band in pixels.tensor_split(10, dim=3)], dim=1)


@pytest.fixture
def sides(tmp_path, monkeypatch):
    """Two classes that differ in nothing but the side on which they are bright."""
    random = np.random.default_rng(0)
    monkeypatch.chdir(tmp_path)
    for split, count in (("train", 2), ("val", 41), ("test", 3)):
        for side in ("left", "right"):
            folder = Path("data", split) if split == "test" else Path("data", split, side)
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                pixels = random.integers(0, 120, (16, 16, 3), dtype=np.uint8)
                half = slice(0, 8) if side == "left" else slice(8, 16)
                pixels[:, half] += 60
                Image.fromarray(pixels).save(folder / f"{side}{number:02d}.png")


def sides_seen(pixels):
    left, right = pixels[..., :8].mean(dim=(1, 2, 3)), pixels[..., 8:].mean(dim=(1, 2, 3))
    return torch.stack([20 * left, 20 * right], dim=1)


def test_shards_that_are_merged_are_the_bits_of_one_run(road):
    for folder in ("whole", "shared"):
        ek.tta("runs/cnn", views="identity", predictions=folder, **FAST)
    ek.tta("runs/cnn", views=VIEWS, predictions="whole", **FAST)
    shards = [ek.tta("runs/cnn", views=VIEWS, predictions="shared", shard=f"{i}/3", **FAST) for i in (2, 1, 3)]
    assert manifest("cnn", "shared")["views"] == ["identity"]
    assert sum(shard.pictures for shard in shards) == 60 + 37
    assert [shard.missing > 0 for shard in shards] == [True, True, False]
    report = ek.tta("runs/cnn", views=VIEWS, predictions="shared", merge=True, **FAST)
    assert report.engine is None
    assert manifest("cnn", "shared")["files"] == manifest("cnn", "whole")["files"]
    assert not list(Path(".ek/looks").glob("*/"))


def test_parts_of_images_in_another_order_are_not_taken_for_these(road):
    names = [f"{path.parent.name}/{path.name}" for path in sorted(Path("data/val").glob("*/*.png"))]
    for file, rows in (("up.csv", names), ("down.csv", names[::-1])):
        lines = [f"{name},{name.partition('/')[0]}" for name in rows]
        Path(file).write_text("\n".join(["image_id,label", *lines]) + "\n")
    how = {"views": "vflip", "images": "data/val", **FAST}
    ek.tta("runs/cnn", val_csv="up.csv", shard="1/1", **how)
    ek.tta("runs/cnn", val_csv="down.csv", **how)
    kept = {row["image_id"]: place for place, row in enumerate(rows_of("cnn", "val"))}
    seen = logits_of("cnn", "val")[manifest("cnn")["views"].index("vflip")]
    ek.tta("runs/cnn", views="vflip", predictions="whole", **FAST)
    whole = logits_of("cnn", "val", "whole")[manifest("cnn", "whole")["views"].index("vflip")]
    assert np.allclose(seen[[kept[name] for name in names]], whole, atol=1e-5)


def test_a_merge_names_the_rows_that_no_shard_has_computed(road):
    ek.tta("runs/cnn", views="rot180", shard="1/2", **FAST)
    with pytest.raises(MisalignedError, match=r"lacks 4 of 8 parts of val: rows 8 to 15, 24 to 31.*--merge"):
        ek.tta("runs/cnn", views="rot180", merge=True, **FAST)
    assert "rot180" not in manifest("cnn")["views"]
    ek.tta("runs/cnn", views="rot180", **FAST)
    assert "rot180" in manifest("cnn")["views"]


def test_a_look_that_is_broken_off_goes_on_at_the_last_finished_part(road, monkeypatch, capsys):
    write, written = Job.write, []

    def counted(job, part, *content):
        write(job, part, *content)
        written.append(part)
        if len(written) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(Job, "write", counted)
    before = manifest("cnn")
    with pytest.raises(KeyboardInterrupt):
        ek.tta("runs/cnn", views="vflip", **{**FAST, "quiet": False})
    assert "the same command goes on from there" in capsys.readouterr().err
    assert manifest("cnn") == before
    ek.tta("runs/cnn", views="vflip", **{**FAST, "quiet": False})
    assert "40 images are done already; going on" in capsys.readouterr().err
    assert len(written) == len(set(written)) == 8 + 5
    resumed = logits_of("cnn", "test")
    ek.tta("runs/cnn", views="vflip", predictions="whole", **FAST)
    place = [manifest("cnn")["views"].index("vflip"), manifest("cnn", "whole")["views"].index("vflip")]
    assert np.array_equal(resumed[place[0]], logits_of("cnn", "test", "whole")[place[1]])


def test_a_batch_that_does_not_fit_into_memory_is_halved_and_nothing_done_is_lost(road, capsys):
    sizes = []

    def small(pixels):
        sizes.append(len(pixels))
        if len(pixels) > 5:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 7 bytes")
        return brightness(pixels)

    how = {"name": "small", "data": "data", "size": 24, "views": "identity"}
    ek.tta(small, **how, **{**FAST, "quiet": False})
    assert "small: out of memory; going on with 4 images at a time." in capsys.readouterr().err
    assert sizes.count(8) == 1
    ek.tta(brightness, **{**how, "name": "large"}, **FAST)
    assert np.allclose(logits_of("small", "test"), logits_of("large", "test"), atol=1e-6)


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "1/2/3", "a/b", "-1/2", ""])
def test_a_share_that_cannot_be_is_refused(road, shard):
    with pytest.raises(InvalidOptionError, match=r"wanted I/N with I from 1 to N, as in 2/4"):
        ek.tta("runs/cnn", shard=shard, **FAST)


def test_options_that_cannot_be_are_refused(road):
    with pytest.raises(InvalidOptionError, match="give one at a time"):
        ek.tta("runs/cnn", shard="1/2", merge=True, **FAST)
    with pytest.raises(UnknownNameError, match="No engine is named 'fuse'; did you mean 'fused'"):
        ek.tta("runs/cnn", **{**FAST, "engine": "fuse"})
    with pytest.raises(InvalidOptionError, match="--batch-size is 0"):
        ek.tta("runs/cnn", **{**FAST, "batch_size": 0})
    with pytest.raises(InvalidOptionError, match="is a run of ours and knows its classes"):
        ek.tta("runs/cnn", size=32, **FAST)


def test_a_network_of_timm_looks_as_it_does_in_timm(road):
    import timm

    torch.manual_seed(0)
    network = timm.create_model("test_resnet", num_classes=10).eval()
    torch.save(network.state_dict(), "weights.pth")
    how = {"weights": "weights.pth", "size": 24, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.25, 0.5)}
    report = ek.tta("timm:test_resnet", data="data", views="hflip", **how, **FAST)
    assert report.member == "test_resnet"
    pixels = torch.from_numpy(pixels_of([row["image_id"] for row in rows_of("test_resnet", "test")], "data/test"))
    mean, std = (torch.tensor(how[name]).view(3, 1, 1) for name in ("mean", "std"))
    with torch.inference_mode():
        normal = (pixels / 255 - mean) / std
        wanted = torch.stack([network(normal), network(normal.flip(-1))])
    assert np.allclose(logits_of("test_resnet", "test"), wanted, atol=1e-4)
    said = manifest("test_resnet")
    assert (said["source"], said["arch"]) == ("foreign", "timm:test_resnet")
    assert said["checkpoint_sha256"]
    # what was stated is remembered: the same file adds a view to the same member
    ek.tta("timm:test_resnet", weights="weights.pth", views="vflip", **FAST)
    with torch.inference_mode():
        assert np.allclose(logits_of("test_resnet", "test")[2], network(normal.flip(-2)), atol=1e-4)


def test_weights_that_do_not_fit_are_refused(road):
    import timm

    torch.save(timm.create_model("test_resnet", num_classes=7).state_dict(), "seven.pth")
    with pytest.raises(InvalidOptionError, match="was made for other classes than the 10 there are"):
        ek.tta("timm:test_resnet", weights="seven.pth", data="data", size=24, **FAST)
    with pytest.raises(InvalidOptionError, match="a network without weights. Give them: --weights FILE"):
        ek.tta("timm:test_resnet", data="data", **FAST)
    with pytest.raises(InvalidOptionError, match="There is no file 'nowhere.pth'"):
        ek.tta("timm:test_resnet", weights="nowhere.pth", data="data", **FAST)


def test_an_onnx_file_gives_what_its_network_gives(road):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 7, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(7 * 11 * 11, 10)).eval()
    torch.onnx.export(network, (torch.zeros(1, 3, 24, 24),), "net.onnx", dynamo=True, verbose=False)
    report = ek.tta("net.onnx", data="data", views="hflip", mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), **FAST)
    assert report.member == "net"
    pixels = torch.from_numpy(pixels_of([row["image_id"] for row in rows_of("net", "test")], "data/test"))
    with torch.inference_mode():
        normal = (pixels / 255 - 0.5) / 0.25
        wanted = torch.stack([network(normal), network(normal.flip(-1))])
    assert np.allclose(logits_of("net", "test"), wanted, atol=1e-4)


def test_a_callable_is_a_member_whose_classes_are_known_by_name(road):
    plain = ek.tta(brightness, name="plain", data="data", size=24, **FAST)
    pixels = pixels_of([row["image_id"] for row in rows_of("plain", "val")], "data/val") / 255
    bands = [band.mean(axis=(1, 2, 3)) for band in np.array_split(pixels, 10, axis=3)]
    assert np.allclose(logits_of("plain", "val")[0], 10 * np.stack(bands, axis=1), atol=1e-5)
    classes = manifest("plain")["classes"]
    turned = ek.tta(
        lambda pixels: brightness(pixels).flip(1), name="turned", data="data", size=24, classes=classes[::-1], **FAST
    )
    assert manifest("turned")["classes"] == classes[::-1]
    assert turned.val_accuracy_before == plain.val_accuracy_before
    with pytest.raises(InvalidOptionError, match="whether the same callable made it is not known"):
        ek.tta(brightness, name="plain", data="data", size=24, **FAST)
    with pytest.raises(InvalidOptionError, match="needs a name="):
        ek.tta(brightness, data="data", size=24, **FAST)
    with pytest.raises(InvalidOptionError, match="pass --size PIXELS"):
        ek.tta(brightness, name="other", data="data", **FAST)
    with pytest.raises(MisalignedError, match="10 classes, 'other' knows 2"):
        ek.tta(brightness, name="other", data="data", size=24, classes=["a", "b"], **FAST)


def test_a_network_left_in_training_mode_is_caught_before_anything_is_written(road):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 7, 3), nn.BatchNorm2d(7), nn.Flatten(), nn.Linear(7 * 22 * 22, 10)).train()
    with pytest.raises(BadDataError, match="depend on the images beside it.*evaluation mode"):
        ek.tta(lambda pixels: network(pixels), name="leaky", data="data", size=24, check=True, **FAST)
    assert not Path("predictions/leaky").exists()
    report = ek.tta("runs/cnn", views="identity", check=True, **FAST)
    assert report.order.changed == 0
    assert report.order.relative_difference < 1e-4


def test_what_was_stated_of_a_foreign_model_holds_for_later_views(road):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 7, 3), nn.ReLU(), nn.Flatten(), nn.Linear(7 * 22 * 22, 10)).eval()
    torch.onnx.export(network, (torch.zeros(1, 3, 24, 24),), "net.onnx", dynamo=True, verbose=False)
    ek.tta("net.onnx", data="data", views="identity", mean=(0.5, 0.5, 0.5), **FAST)
    before = manifest("net")
    Path("classes.txt").write_text("\n".join(before["classes"][::-1]))
    for word, changes in (
        ("--mean", {"mean": (0.1, 0.1, 0.1)}),
        ("--std", {"std": (0.5, 0.5, 0.5)}),
        ("--size", {"size": 32}),
        ("--classes", {"classes": "classes.txt"}),
    ):
        with pytest.raises(MisalignedError, match=f"was made with {word} .* is asked for. Give --replace"):
            ek.tta("net.onnx", views="vflip", **changes, **FAST)
    assert manifest("net") == before
    assert not list(Path(".ek/looks").glob("*/"))
    ek.tta("net.onnx", views="vflip", **FAST)
    fresh = ek.tta("net.onnx", data="data", views="vflip", mean=(0.5, 0.5, 0.5), name="fresh", **FAST)
    assert fresh.member == "fresh"
    assert np.array_equal(logits_of("net", "test"), logits_of("fresh", "test"))
    with pytest.raises(InvalidOptionError, match="--std is 0.0,1.0,1.0; wanted numbers above 0"):
        ek.tta("net.onnx", std=(0.0, 1.0, 1.0), **FAST)


def test_a_callable_may_work_in_place_and_must_give_logits(road):
    how = {"data": "data", "size": 24, **FAST}
    ek.tta(brightness, name="plain", **how)
    ek.tta(lambda pixels: brightness(pixels.mul_(0.5)) * 2, name="in-place", **how)
    assert np.allclose(logits_of("plain", "val"), logits_of("in-place", "val"), atol=1e-5)
    for said, message in (
        (lambda pixels: brightness(pixels)[:, :7], "gives 7 logits per image, and there are 10 classes"),
        (lambda pixels: None, "gave NoneType for 1 images; wanted logits"),
        (lambda pixels: {"logits": 1}, "gave dict for 1 images; wanted logits"),
        (lambda pixels: brightness(pixels).to(torch.complex64), "gave torch.complex64"),
        (lambda pixels: brightness(pixels)[0], r"gave torch.float32 \(10,\) for 1 images"),
        (lambda pixels: brightness(pixels) * torch.nan, "not finite for view 'identity'"),
    ):
        with pytest.raises((InvalidOptionError, MisalignedError, BadDataError), match=message):
            ek.tta(said, name="odd", **how)
        assert not Path("predictions/odd").exists()


def test_views_of_another_precision_do_not_join_a_member_unnoticed(road):
    with pytest.raises(MisalignedError, match="'precision': 'bfloat16'.*Give --replace to make all its views again"):
        ek.tta("runs/cnn", views="vflip", precision="bfloat16", **FAST)
    ek.tta("runs/cnn", views="vflip", precision="bfloat16", replace=True, **FAST)
    assert manifest("cnn")["preprocessing"]["precision"] == "bfloat16"


def test_a_second_process_is_told_that_one_is_looking_already(road):
    with (
        locked(Path(".ek/locks/cnn")),
        pytest.raises(LockedError, match="Another process computes views of member 'cnn'.*--shard 1/2"),
    ):
        ek.tta("runs/cnn", views="vflip", **FAST)
    with locked(Path(".ek/locks/cnn")):
        assert ek.tta("runs/cnn", views="vflip", shard="1/2", **FAST).parts > 0


def test_of_few_val_images_identity_is_kept_alone_and_that_is_said(road):
    for path in sorted(Path("data/val").glob("*/*.png"))[::2]:
        path.unlink()
    report = ek.tta(brightness, name="few", data="data", size=24, **FAST)
    assert [view.weight for view in report.views] == [1.0, 0.0]
    assert report.note == "There are 30 images to evaluate on, fewer than 50, so identity is kept alone."
    assert report.curve is None


def test_views_that_are_the_same_at_this_size_are_looked_at_once(road):
    report = ek.tta("runs/cnn", views="crop@0.75:center*hflip,hflip*crop@0.75:center,scale@1.33*hflip", **FAST)
    assert dict(report.same) == dict.fromkeys(["hflip*crop@0.75:center", "scale@1.33*hflip"], "crop@0.75:center*hflip")
    assert report.computed == ("crop@0.75:center*hflip",)
    assert manifest("cnn")["views"] == ["identity", "hflip", "scale@1.1", "crop@0.75:center*hflip"]
    assert "The same pixels at this size" in views_added(report)


def test_a_view_that_does_harm_is_named_with_its_classes_and_left_out(sides):
    report = ek.tta(sides_seen, name="sides", data="data", size=16, views="hflip,vflip", **FAST)
    flip = report.views[1]
    assert (flip.view, flip.harmful) == ("hflip", True)
    assert report.val_accuracy_before > 0.95
    assert flip.beside == pytest.approx(-0.5, abs=0.15)  # the pair sees both sides alike: a coin
    assert not report.views[2].harmful
    assert flip.weight == pytest.approx(0, abs=0.02)
    assert {one.class_name for one in report.class_harm} <= {"left", "right"}
    assert 0 < report.smallest_harm < 0.5
    text = views_added(report)
    assert "Harmful: hflip beside identity costs" in text
    assert "No other view is seen to do harm on these" in text


def test_the_curve_is_saved_as_numbers_and_as_a_image(road):
    report = ek.tta("runs/cnn", views=VIEWS, **FAST)
    saved = json.loads(Path("reports/cnn-views.json").read_text())
    assert [step["views"] for step in saved["steps"]] == list(range(1, len(report.views) + 1))
    assert saved["steps"][0]["added"] == "identity"
    assert saved["stop"] == report.curve.stop
    costs = {view.view: view.ms for view in report.views}
    assert all(ms > 0 for ms in costs.values())
    last = saved["steps"][-1]
    assert last["ms"] == pytest.approx(sum(costs.values()))
    with Image.open(report.curve.png) as image:
        assert image.size == (880, 704)


def test_the_cost_of_each_view_stands_in_the_manifest(road):
    ek.tta("runs/cnn", views="vflip", **FAST)
    said = manifest("cnn")
    assert len(said["view_ms"]) == len(said["views"])
    assert all(ms > 0 for ms in said["view_ms"])


def test_what_is_printed_fits_80_columns(road):
    line = ["tta", "--ckpt", "runs/cnn", "--views", "ten-crop,random:3@7", "--check", "--quiet", "--engine", "eager"]
    for arguments in (
        line,
        [*line, "--json"],
        ["tta", "--ckpt", "runs/mlp", "--views", "d4", "--shard", "1/2", "--quiet", "--engine", "eager"],
    ):
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 0, result.output
        if "--json" in arguments:
            assert json.loads(result.stdout)["order"]["changed"] == 0
        else:
            assert max(map(len, result.stdout.splitlines())) <= 80, result.stdout


def test_a_curve_that_was_edited_is_kept_beside_the_new_one(road, capsys):
    ek.tta("runs/mlp", views="vflip", device="cpu", quiet=True)
    assert not list(Path("reports").glob("*kept*"))
    endings = ("json", "png")
    for ending in endings:
        Path(f"reports/mlp-views.{ending}").write_bytes(b"annotated")
    ek.tta("runs/mlp", views="rot180", device="cpu", quiet=True)
    told = capsys.readouterr().err
    for ending in endings:
        assert Path(f"reports/mlp-views-kept-1.{ending}").read_bytes() == b"annotated"
        assert Path(f"reports/mlp-views.{ending}").read_bytes() != b"annotated"
        assert f"kept as reports/mlp-views-kept-1.{ending}" in told
