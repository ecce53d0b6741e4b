"""The order of steps may change, never what is seen: checked against every step done as written."""

import random

import numpy as np
import pytest
import torch
from through import through
from torchvision.transforms.v2 import functional

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.inference.views.primitives import Cut, Pad, Resize, Tone
from ensemble_kit.inference.views.steps import DIRECTIONS, MODES, PLACES
from ensemble_kit.inference.views.turns import TURNS
from ensemble_kit.inference.views.views import canonical, lowered, merge_equal, parse_views

PADDING = {"edge": "edge", "reflect": "reflect", "zero": "constant"}
TURNED = {
    "identity": lambda pixels: pixels,
    "hflip": lambda pixels: pixels.flip(-1),
    "vflip": lambda pixels: pixels.flip(-2),
    "rot90": lambda pixels: torch.rot90(pixels, 1, (-2, -1)),
    "rot180": lambda pixels: torch.rot90(pixels, 2, (-2, -1)),
    "rot270": lambda pixels: torch.rot90(pixels, 3, (-2, -1)),
    "transpose": lambda pixels: pixels.mT,
    "transverse": lambda pixels: torch.rot90(pixels, 2, (-2, -1)).mT,
}


def written_step(chance: random.Random, kinds: str) -> str:
    """A step as people may write it."""
    kind, side = chance.choice(kinds), chance.choice((0.5, 0.65, 0.7777777, 0.875, 0.9, 1))
    mode = chance.choice(("", *(f":{mode}" for mode in MODES)))
    if kind == "c":
        place = chance.choice((*PLACES, "0x0.5", "0.25x1", "0.1x0.9", "1x0.3333333", "0.214x0.741"))
        return f"crop@{side}:{place}"
    if kind == "s":
        return f"scale@{chance.choice((0.5, 0.8, 0.9, 1, 1.1, 1.37, 2))}{mode}"
    if kind == "m":
        return f"shift@{chance.choice((0, 0.01, 0.1, 0.25, 0.5))}:{chance.choice(list(DIRECTIONS))}{mode}"
    if kind == "p":
        tone = chance.choice(("brightness", "contrast", "saturation", "gamma", "sharpness"))
        return chance.choice(("grey", f"{tone}@{chance.choice((0.7, 1, 1.25))}"))
    return chance.choice(list(TURNS))


def written(chance: random.Random, kinds: str = "cssmpttt", most: int = 5) -> str:
    """A view as people may write it, of one step or more."""
    return " * ".join(written_step(chance, kinds) for _ in range(chance.randint(1, most)))


def done_as_written(text: str, pixels: torch.Tensor) -> torch.Tensor:
    """Every step as it stands, by NumPy, torch and torchvision alone."""
    for step in text.split(" * "):
        verb, _, rest = step.partition("@")
        amount, *words = rest.split(":")
        pixels = DONE.get(verb, tone)(verb, amount, words, pixels)
    return pixels


def tone(verb, amount, words, pixels):
    if verb in TURNED:
        return TURNED[verb](pixels)
    quality, factor = ("saturation", 0.0) if verb == "grey" else (verb, float(amount))
    return getattr(functional, f"adjust_{quality}")(pixels, factor)


def crop(_verb, amount, words, pixels):
    named = {"center": "0.5x0.5", "tl": "0x0", "tr": "0x1", "bl": "1x0", "br": "1x1"}.get(words[0], words[0])
    size = pixels.shape[-1]
    large = functional.resize(pixels, [round(size / float(f"{float(amount):.6g}"))], antialias=True)
    top, left = (round(float(f"{float(part):.6g}") * (large.shape[-1] - size)) for part in named.split("x"))
    return large[..., top : top + size, left : left + size]


def scale(_verb, amount, words, pixels):
    size = pixels.shape[-1]
    changed = functional.resize(pixels, [max(round(size * float(amount)), 1)], antialias=True)
    if changed.shape[-1] >= size:
        return functional.center_crop(changed, [size])
    before = (size - changed.shape[-1]) // 2
    return padded(
        changed, (before, size - changed.shape[-1] - before), (before, size - changed.shape[-1] - before), words
    )


def shift(_verb, amount, words, pixels):
    size = pixels.shape[-1]
    by = round(float(amount) * size)
    around = padded(pixels, (by, by), (by, by), words[1:])
    top, left = {"left": (by, 2 * by), "right": (by, 0), "up": (2 * by, by), "down": (0, by)}[words[0]]
    return around[..., top : top + size, left : left + size]


def padded(pixels, rows, columns, words):
    mode = PADDING[words[0] if words else "edge"]
    return torch.from_numpy(np.pad(pixels.numpy(), ((0, 0), (0, 0), rows, columns), mode=mode))


DONE = {"crop": crop, "scale": scale, "shift": shift}


def batch(size_px: int) -> torch.Tensor:
    return torch.rand(2, 3, size_px, size_px, generator=torch.Generator().manual_seed(size_px))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hflip*vflip", "rot180"),
        ("rot90*rot90*rot90*rot90", "identity"),
        ("transpose*hflip", "rot270"),
        ("hflip*crop@0.5:tl", "crop@0.5:tr*hflip"),
        ("rot90*crop@0.5:tl", "crop@0.5:tr*rot90"),
        ("rot180*crop@0.5:br*rot180", "crop@0.5:tl"),
        ("transpose*crop@0.5:0.2x0.7*transpose", "crop@0.5:0.7x0.2"),
        ("hflip*crop@0.5:0.5x1", "crop@0.5:0.5x0*hflip"),
        ("vflip*crop@0.5:0.5x1", "vflip*crop@0.5:0.5x1"),
        ("hflip*crop@0.5:center", "hflip*crop@0.5:center"),
        ("transpose*crop@0.5:center", "crop@0.5:center*transpose"),
        ("hflip*scale@0.9", "hflip*scale@0.9"),
        ("transpose*scale@0.9:zero", "scale@0.9:zero*transpose"),
        ("hflip*shift@0.1:left:zero", "shift@0.1:right:zero*hflip"),
        ("rot90*shift@0.1:up", "shift@0.1:right*rot90"),
        ("hflip*gamma@1.1*hflip", "gamma@1.1"),
        ("hflip*crop@1:center*vflip", "rot180"),
        ("hflip*scale@1.1*hflip*scale@1.1", "hflip*scale@1.1*hflip*scale@1.1"),
    ],
)
def test_turns_move_right_past_what_they_leave_exact_and_no_further(text, name):
    assert canonical(text) == name


def test_ten_thousand_views_keep_their_spelling_when_read_again():
    chance = random.Random(10_000)
    for _ in range(10_000):
        once = canonical(written(chance))
        assert canonical(once) == once
    assert parse_views(once) == tuple(dict.fromkeys(("identity", once)))


@pytest.mark.parametrize("size_px", [5, 12, 29])
def test_a_view_is_every_step_as_written_to_the_bit_where_pixels_only_move(size_px):
    chance, pixels = random.Random(size_px), batch(size_px)
    for _ in range(150):
        text = written(chance, kinds="mtt")
        wanted = done_as_written(text, pixels)
        assert torch.equal(through(text, pixels), wanted), text
        assert torch.equal(through(canonical(text), pixels), wanted), text


@pytest.mark.parametrize("size_px", [5, 12, 29])
def test_a_view_is_every_step_as_written_to_rounding_where_pixels_are_mixed(size_px):
    chance, pixels = random.Random(size_px), batch(size_px)
    for _ in range(150):
        text = written(chance)
        wanted = done_as_written(text, pixels)
        for name in (text, canonical(text)):
            torch.testing.assert_close(through(name, pixels), wanted, rtol=0, atol=1e-5, msg=text)


@pytest.mark.parametrize("kinds", ["c", "s", "m", "p", "t"])
def test_a_lone_step_is_exactly_what_it_is_by_hand(kinds):
    chance, pixels = random.Random(kinds), batch(23)
    for _ in range(60):
        text = written(chance, kinds, most=1)
        assert torch.equal(through(text, pixels), done_as_written(text, pixels)), text


@pytest.mark.parametrize("size_px", [5, 28, 113])
def test_views_that_are_lowered_alike_are_seen_alike(size_px):
    chance, pixels = random.Random(size_px), batch(size_px)
    views = list(dict.fromkeys(canonical(written(chance, "ccssmtt", most=2)) for _ in range(120)))
    kept, dropped = merge_equal(["identity", *views, "scale@1.0001", "crop@0.875:center*hflip"], size_px)
    assert len(dropped) >= 2
    for view, same in dropped.items():
        assert same in kept
        wanted = done_as_written(same.replace("*", " * "), pixels)
        torch.testing.assert_close(done_as_written(view.replace("*", " * "), pixels), wanted, rtol=0, atol=1e-5)


def test_at_a_known_size_the_turn_stands_at_the_very_end_and_nothing_is_done_for_nothing():
    chance = random.Random(3)
    for _ in range(500):
        *before, last = (None, None, *lowered(written(chance), 13))
        assert not any(kind in TURNS.values() for kind in before)
        assert last is None or last != TURNS["identity"]
        assert Cut(0, 0, 0, 0) not in before
        assert Resize(0) not in before


def test_lowering_by_hand():
    flip = TURNS["hflip"]
    assert lowered("identity", 28) == ()
    assert lowered("crop@0.875:center", 28) == (Resize(32), Cut(2, 2, 2, 2))
    assert lowered("crop@0.9:center", 28) == (Resize(31), Cut(2, 1, 2, 1))  # 1.5 rounds to the even 2
    assert lowered("hflip*crop@0.9:center", 28) == (Resize(31), Cut(2, 1, 1, 2), flip)
    assert lowered("crop@0.9:center*hflip", 28) == (Resize(31), Cut(2, 1, 2, 1), flip)
    assert lowered("scale@0.9:zero", 29) == (Resize(26), Pad(1, 2, 1, 2, "zero"))
    assert lowered("scale@1.1", 28) == lowered("crop@0.9:center", 28)
    assert lowered("scale@1.01", 28) == lowered("shift@0.01:left", 28) == lowered("crop@0.99:br", 28) == ()
    assert lowered("shift@0.1:left", 28) == (Pad(0, 0, 0, 3, "edge"), Cut(0, 0, 3, 0))
    assert lowered("shift@0.1:down:reflect", 28) == (Pad(3, 0, 0, 0, "reflect"), Cut(0, 3, 0, 0))
    assert lowered("rot90*gamma@1.5", 28) == (Tone("gamma", 1.5), TURNS["rot90"])
    assert lowered("scale@0.5", 1) == ()


@pytest.mark.parametrize("name", ["crop@0.001:tl", "crop@1e-320:center"])
def test_a_crop_that_would_fill_the_memory_is_refused(name):
    with pytest.raises(InvalidOptionError, match="would enlarge images of 28 pixels to more than 8192. Take a larger"):
        lowered(name, 28)


@pytest.mark.parametrize("name", ["crop@0.9:tl", "scale@1.1", "scale@0.9", "hflip*crop@0.9:center"])
def test_crops_and_scales_want_squares(name):
    with pytest.raises(InvalidOptionError, match=r"want.* square images, these have 5 x 7 pixels \(height x width\)"):
        through(name, torch.zeros(2, 3, 5, 7))


def test_mirrors_and_shifts_do_not_want_squares():
    pixels = torch.rand(2, 3, 10, 20, generator=torch.Generator().manual_seed(0))
    assert torch.equal(through("hflip", pixels), pixels.flip(-1))
    assert torch.equal(through("rot180", pixels), pixels.flip(-1, -2))
    right = through("shift@0.2:right:zero", pixels)
    assert torch.equal(right[..., 4:], pixels[..., :-4])
    assert not right[..., :4].any()
    down = through("hflip*shift@0.2:down", pixels)
    assert torch.equal(down[..., 2:, :], pixels.flip(-1)[..., :-2, :])
