import threading
import time

import pytest

from ensemble_kit import groups
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


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"(.*a){25}$", r"^(\w+\s?)*$"])
@pytest.mark.parametrize("in_thread", [False, True])
def test_a_pattern_that_never_ends_is_ended_and_the_id_is_named(
    monkeypatch: pytest.MonkeyPatch, pattern: str, in_thread: bool
) -> None:
    monkeypatch.setattr(groups, "LONGEST_S", 0.7)
    stuck = "a" * 60 + "!"
    caught: list[BaseException] = []

    def search() -> None:
        try:
            groups_from(("a", stuck), pattern)
        except InvalidOptionError as error:
            caught.append(error)

    started = time.monotonic()
    if in_thread:
        thread = threading.Thread(target=search)
        thread.start()
        thread.join(60)
    else:
        search()
    assert time.monotonic() - started < 30
    assert f"did not come to an end within 1 s; it was at the image id '{stuck}'" in str(caught[0])


def test_bytes_that_are_no_text_and_line_breaks_pass_through_the_other_process() -> None:
    ids = ("caf\udce9 1", "a\nb 2", "\0 3", "日本 4")
    assert groups_from(ids, r"(?s)(.*) \d") == ("caf\udce9", "a\nb", "\0", "日本")


@pytest.mark.parametrize("pattern", ["a{99999999999}", "*", "(" * 500, "(?P<x", "[z-a]"])
def test_what_cannot_be_compiled_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidOptionError, match="is no regular expression: "):
        groups_from(("a",), pattern)
