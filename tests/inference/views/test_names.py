"""Whatever people type is read, or refused with the piece, the text and the place."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble_kit.errors import InvalidOptionError, UnknownNameError
from ensemble_kit.inference.views.names import TONES, VERBS
from ensemble_kit.inference.views.views import canonical, parse_views

GOOD = (
    *("hflip", "rot90", "crop@0.8:tl", "crop@0.8:0.25x1", "scale@0.9", "scale@0.9:reflect", "shift@0.1:left"),
    *("shift@0.1:up:zero", "brightness@1.2", "saturation@0.5", "grey"),
)
BAD_NUMBERS = ("nan", "inf", "-0", "1e400", "-1", "", "x", "0x1", "1_0", "１", "1 0", "1e", "1.2.3", "9" * 9999)
BAD_VERBS = ("hflp", "HFLIP", "é", "flip horizontally", "\u202e", "0", "x" * 9999, "a\nb", "None")


@pytest.mark.parametrize("verb", VERBS)
def test_the_example_of_every_verb_is_its_own_spelling(verb):
    example = VERBS[verb].example
    assert canonical(example) == example
    assert re.match("[^@]*", example)[0] == verb


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            "hflp",
            UnknownNameError,
            "at character 1 of 'hflp') is named 'hflp'; did you mean 'hflip'? Known: brightness",
        ),
        ("hflip, vflp", UnknownNameError, "at character 8 of 'hflip, vflp') is named 'vflp'; did you mean 'vflip'"),
        ("hflip*crp@0.8:tl", UnknownNameError, "at character 7 of 'hflip*crp@0.8:tl') is named 'crp'; did you mean"),
        ("hflip,,vflip", InvalidOptionError, "Nothing at character 7 of 'hflip,,vflip': wanted a view or a set"),
        ("", InvalidOptionError, "Nothing at character 1 of '': wanted a view or a set"),
        ("hflip**vflip", InvalidOptionError, "Nothing at character 7 of 'hflip**vflip': wanted a view, such as"),
        ("hflip@2", InvalidOptionError, "'2' at character 7 of 'hflip@2': wanted no '@' there, as in hflip."),
        ("crop@0.8:tl:edge", InvalidOptionError, "'edge' at character 13 of 'crop@0.8:tl:edge': wanted no ':' there"),
        ("crop", InvalidOptionError, "Nothing at character 5 of 'crop': wanted '@' and a number above 0 and at most 1"),
        ("crop@1.2:tl", InvalidOptionError, "'1.2' at character 6 of 'crop@1.2:tl': wanted '@' and a number above 0"),
        ("crop@0:tl", InvalidOptionError, "'0' at character 6"),
        ("crop@1e-400:tl", InvalidOptionError, "'1e-400' at character 6"),
        ("crop@0.8", InvalidOptionError, "Nothing at character 9 of 'crop@0.8': wanted ':' and one of center, tl,"),
        ("crop@0.8:middle", InvalidOptionError, "'middle' at character 10 of 'crop@0.8:middle'"),
        ("crop@0.8:0.2x1.5", InvalidOptionError, "'0.2x1.5' at character 10"),
        ("crop@0.8:0.2x0.2x0.2", InvalidOptionError, "two fractions YxX such as 0.25x0.75, as in crop@0.875:tl."),
        ("crop:tl@0.8", InvalidOptionError, "'tl' at character 6 of 'crop:tl@0.8': wanted '@'"),
        ("scale@3", InvalidOptionError, "'3' at character 7 of 'scale@3': wanted '@' and a number from 0.5 to 2"),
        (
            "scale@0.9:wrap",
            InvalidOptionError,
            "'wrap' at character 11 of 'scale@0.9:wrap': wanted ':' and one of edge,",
        ),
        ("shift@0.6:left", InvalidOptionError, "a number from 0 to 0.5, as in shift@0.1:left."),
        (
            "shift@0.1:west",
            InvalidOptionError,
            "'west' at character 11 of 'shift@0.1:west': wanted ':' and one of left",
        ),
        ("gamma@3", InvalidOptionError, "a number from 0.5 to 2, as in gamma@1.1."),
        (
            "flips*hflip",
            InvalidOptionError,
            "'flips' at character 1 of 'flips*hflip': wanted a view; a set stands alone in a list",
        ),
        ("hflip, hflip * grid:3@0.75", InvalidOptionError, "'grid:3@0.75' at character 16"),
        (
            "grid:6@0.75",
            InvalidOptionError,
            "'6' at character 6 of 'grid:6@0.75': wanted ':' and a whole number from 2",
        ),
        (
            "random:20",
            InvalidOptionError,
            "Nothing at character 10 of 'random:20': wanted '@' and a whole number from 0",
        ),
        ("random:0@7", InvalidOptionError, "a whole number from 1 to 100, as in random:20@7."),
        ("random:5@4294967296", InvalidOptionError, "a whole number from 0 to 4294967295"),
        ("five-crop:0.5", InvalidOptionError, "'0.5' at character 11 of 'five-crop:0.5': wanted '@'"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(text, error, message):
    with pytest.raises(InvalidOptionError, match=re.escape(message)) as caught:
        parse_views(text)
    assert type(caught.value) is error


def test_a_set_is_no_view():
    with pytest.raises(InvalidOptionError, match="wanted a view; a set stands alone in a list, not joined by '*'"):
        canonical("flips")


def spoilt(chance: random.Random) -> tuple[str, int]:
    """One way to spoil a view, and the character at which it is spoilt."""
    view, mark = chance.choice(GOOD), chance.choice("@:*")
    numbered = chance.choice([good for good in GOOD if "@" in good])
    verb, _, rest = numbered.partition("@")
    number = re.match("[0-9.]*", rest)[0]
    bad_number, bad_verb = chance.choice(BAD_NUMBERS), chance.choice(BAD_VERBS)
    return chance.choice(
        [
            (f"{view}{mark}", len(view) + 2),
            (f"{mark}{view}", 1),
            (f"{view}**{view}", len(view) + 2),
            (f"{view}{mark} {mark}{view}", len(view) + 3),
            (f"{verb}@{bad_number}{rest[len(number) :]}", len(verb) + 2),
            (f"{bad_verb}@{rest}", 1),
            (f"{view}*{bad_verb}", len(view) + 2),
            (f"{view}*ten-crop", len(view) + 2),
            (f"{view},,{view}", len(view) + 2),
            (f"{view}:zero:zero", len(view) + 2 + 5 * (view in ("scale@0.9", "shift@0.1:left"))),
        ]
    )


def test_a_thousand_spoilt_lists_are_refused_at_the_very_character():
    chance = random.Random(0)
    for _ in range(1000):
        before = "".join(f"{chance.choice(GOOD)}, " for _ in range(chance.randrange(3)))
        view, at = spoilt(chance)
        with pytest.raises(InvalidOptionError, match=f"at character {len(before) + at} of '") as caught:
            parse_views(before + view)
        assert type(caught.value) in (InvalidOptionError, UnknownNameError)
        assert len(str(caught.value)) < 800


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from([*"@:*, x.-01_5e", *VERBS, *TONES, "tl", "flips", "grid", "random", "é", "\ud800"])))
def test_any_text_is_read_or_refused_and_never_anything_else(parts):
    try:
        names = parse_views("".join(parts))
    except InvalidOptionError as error:
        assert "at character " in str(error)  # noqa: PT017 - both outcomes are right
        str(error).encode()  # fit to be printed, even where what was typed is not
    else:
        assert parse_views(",".join(names)) == names


@pytest.mark.parametrize("text", ["hflip," * 5_000, "hflip*" * 5_000, "@" * 5_000, "1" * 5_000, "crop@" + "1" * 5_000])
def test_very_long_texts_are_refused_shortly(text):
    with pytest.raises(InvalidOptionError) as caught:
        parse_views(text)
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("crop@.8750:tl * identity * hflip", "crop@0.875:tl*hflip"),
        (" scale@01.150 ", "scale@1.15"),
        ("scale@0.9:edge", "scale@0.9"),
        ("scale@0.9 : reflect", "scale@0.9:reflect"),
        ("scale@1.2:reflect", "scale@1.2"),
        ("crop@0.8:0x0", "crop@0.8:tl"),
        ("crop@0.8:0x1", "crop@0.8:tr"),
        ("crop@0.8:1.0x0", "crop@0.8:bl"),
        ("crop@0.8:1x1", "crop@0.8:br"),
        ("crop@0.8:.5x.50", "crop@0.8:center"),
        ("crop@8e-1:0.2500x0.3333333333", "crop@0.8:0.25x0.333333"),
        ("crop@0.80000001:tl", "crop@0.8:tl"),
        ("crop@0.9999999:tl", "identity"),
        ("crop@1:0.3x0.4", "identity"),
        ("scale@1", "identity"),
        ("scale@0.49999999", "scale@0.5"),
        ("shift@0:left:zero", "identity"),
        ("shift@0.10:right:edge", "shift@0.1:right"),
        ("brightness@1", "identity"),
        ("saturation@0", "grey"),
        ("identity*identity", "identity"),
    ],
)
def test_one_view_has_one_spelling(written, spelled):
    assert canonical(written) == spelled
