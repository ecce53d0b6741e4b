import hashlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble_kit.disk.sealed import seal, unseal
from ensemble_kit.errors import BadDataError, CorruptError

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=7,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])).filter(lambda key: key != "sha256"), JSON))
def test_what_is_sealed_comes_back(content):
    for one_line in (False, True):
        assert unseal(seal(content, one_line), "here", one_line) == content


def test_the_seal_is_the_sha256_of_the_compact_sorted_rest():
    sealed = json.loads(seal({"b": 1.5, "a": "é"}))
    assert sealed["sha256"] == hashlib.sha256('{"a":"é","b":1.5}'.encode()).hexdigest()


def test_every_flip_of_every_bit_is_found():
    data = seal({"weights": [1e-05, 0.25], "name": "a\nb", "none": None, "on": True})
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(CorruptError, match="match the sha256"):
            unseal(bytes(flipped), "member.json")


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"7", b"{}", b'{"a":1}', b"\xff", b"[" * 100_000, b'{"a":NaN,"sha256":"0"}', b"9" * 5000],
)
def test_what_was_never_sealed_is_refused(data):
    with pytest.raises(CorruptError, match="Wanted member.json to match the sha256 it carries"):
        unseal(data, "member.json")


def test_the_same_numbers_spelt_otherwise_are_refused():
    data = seal({"a": 1e-05}, one_line=True)
    for other in (data.replace(b"1e-05", b"1E-05"), data.replace(b":", b": "), data[:-1], data + b" "):
        with pytest.raises(CorruptError, match="changed or damaged"):
            unseal(other, "x", one_line=True)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused(number):
    with pytest.raises(BadDataError, match="finite numbers only"):
        seal({"a": [number]})


def test_text_that_is_no_utf8_is_refused():
    with pytest.raises(BadDataError, match="is no valid text"):
        seal({"classes": ["caf\udce9"]})
