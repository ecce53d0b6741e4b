import pytest

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.groups import groups_from


def test_the_first_capture_group_is_the_name() -> None:
    assert groups_from(("a/1_0.png", "a/1_1.png", "b/2_0.png"), r"/(\d)_(\d)") == ("1", "1", "2")


def test_without_a_capture_group_the_whole_match_is_the_name() -> None:
    assert groups_from(("x17-a", "x17-b", "y3"), r"[a-z]\d+") == ("x17", "x17", "y3")


def test_ids_are_read_byte_for_byte() -> None:
    assert groups_from(("caf\u00e9 1", "cafe\u0301 1", "0001\n2"), r"(?s)^(.*) ?\d$") == (
        "caf\u00e9 ",
        "cafe\u0301 ",
        "0001\n",
    )


@pytest.mark.parametrize("pattern", [r"sign-(\d+)", r"b(x)?", r"\.png|(a)", "^s*"])
def test_an_id_without_a_group_is_named(pattern: str) -> None:
    with pytest.raises(BadDataError, match=r"finds no group in the image id 'b\.png'"):
        groups_from(("sign-7 a bx", "b.png"), pattern)


def test_a_pattern_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match=r"'\(' is no regular expression: .*Wanted one such as"):
        groups_from(("a",), "(")


def test_no_ids_have_no_groups() -> None:
    assert groups_from((), "x") == ()
