"""What is no UTF-8 is refused with its line and its likely encoding; the encoder is Python's own."""

import gzip
import io
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.texts.encoding import NoTextError, decode, likely_encodings

WORDS = {
    "cp1252": "Pokémon Søren naïve Übergröße",
    "cp1250": "kość słoń żaba",
    "mac_roman": "Pokémon café tête",
    "cp850": "Pokémon café tête",
    "cp1251": "кот Собака птица",
    "koi8_r": "кот Собака птица",
    "cp932": "ネコ いぬ 猫 犬",
    "gb18030": "猫 狗 鸟 马 鱼",
    "euc_kr": "고양이 강아지 새",
    "big5": "貓 狗 鳥 馬",
    "cp1253": "γάτα σκύλος άλογο",
    "cp1255": "חתול כלב סוס",
    "cp1256": "قطة كلب حصان",
    "cp874": "แมว หมา ปลา",
}


def table(words):
    return "image_id,label\n0.png,cat\n" + "".join(f"{place}.png,{word}\n" for place, word in enumerate(words.split()))


def first_line_not_utf8(data):
    for number, line in enumerate(data.split(b"\n"), start=1):
        try:
            line.decode()
        except UnicodeDecodeError:
            return number
    raise AssertionError("it is UTF-8")


@pytest.mark.parametrize("name", WORDS)
def test_what_is_not_utf8_is_refused_with_line_and_likely_encoding_and_is_read_when_that_is_said(name):
    text = table(WORDS[name])
    with pytest.raises(NoTextError, match="bytes that are not UTF-8; they are likely") as caught:
        decode(text.encode(name))
    assert caught.value.line == first_line_not_utf8(text.encode(name))
    found = likely_encodings(text.encode(name))
    assert text in [text.encode(name).decode(likely) for likely, _ in found]
    assert all(f"{likely} (which reads {word!r})" in caught.value.what for likely, word in found)
    assert "--encoding" in caught.value.remedy
    assert decode(text.encode(name), name) == (text, name)


def test_one_likely_encoding_is_one_that_can_be_typed():
    with pytest.raises(NoTextError) as caught:
        decode(table("Pokémon").encode("cp1252"))
    assert caught.value.what.endswith("they are likely cp1252 (which reads 'Pokémon')")
    assert caught.value.remedy == "Give --encoding cp1252, or save the file as UTF-8."


@pytest.mark.parametrize("name", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_utf8_and_what_a_byte_order_mark_says_is_read(name):
    assert decode(table("Pokémon 猫").encode(name))[0] == table("Pokémon 猫")


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_named(name):
    data = table("Pokémon").encode(name)
    with pytest.raises(NoTextError, match="UTF-16 without a byte-order mark") as caught:
        decode(data)
    assert f"--encoding {name}" in caught.value.remedy
    assert decode(data, name)[0] == table("Pokémon")


@pytest.mark.parametrize("words", ["\u201ccat\u201d dog", "dog \u2013 small", "Nike\u00ae \u201cPok\u00e9mon\u201d"])
def test_quotes_and_dashes_of_word_processors_speak_for_windows(words):
    assert likely_encodings(table(words).encode("cp1252"))[0][0] == "cp1252"


@pytest.mark.parametrize("name", ["tar", "program", "zeros"])
def test_archives_and_programs_are_no_utf16(name):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("train.csv"))
    data = {"tar": buffer.getvalue(), "program": b"\x7fELF\x02\x01\x01" + bytes(57), "zeros": bytes(4096)}[name]
    with pytest.raises(NoTextError, match="is an archive .tar." if name == "tar" else "is a binary file") as caught:
        decode(data)
    assert "--encoding" not in caught.value.remedy


@pytest.mark.parametrize(
    "data",
    [b"id,label\na,Pok\xe9mon\nb,Pok\xc3\xa9mon\n", b"id,label\na,caf\xed\xa0\x80\n", b"id,label\na,x\xc0\xaf\n"],
    ids=["of two encodings", "half a surrogate", "overlong"],
)
def test_bytes_of_no_usual_encoding_are_named_without_a_guess(data):
    with pytest.raises(NoTextError, match="bytes that are not UTF-8$") as caught:
        decode(data)
    assert (caught.value.line, "of no usual encoding" in caught.value.remedy) == (2, True)


def test_a_file_that_is_utf8_stays_utf8_whatever_is_said():
    assert decode("Pokémon".encode(), "cp1252") == ("Pokémon", "utf-8")
    assert decode("\ufeffcat".encode(), "cp1252") == ("cat", "utf-8")
    assert decode("ねこ".encode("iso2022_jp"), "iso2022_jp") == ("ねこ", "iso2022_jp")


def test_an_encoding_that_does_not_fit_or_is_none_is_refused():
    with pytest.raises(NoTextError, match="bytes that are not ASCII") as caught:
        decode(b"a\nPok\xe9mon", "ascii")
    assert (caught.value.line, caught.value.remedy) == (2, "Correct --encoding, or save it as UTF-8.")
    for name in ("cp12522", "base64", ""):
        with pytest.raises(InvalidOptionError, match="no encoding of text that Python knows; wanted one such"):
            decode(b"cat", name)


def packed(name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(name, "x" * 999)
    return buffer.getvalue()


def picture(kind):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, kind)
    return buffer.getvalue()


def saved(write, *arguments):
    buffer = io.BytesIO()
    write(buffer, *arguments)
    return buffer.getvalue()


KINDS = {
    "xlsx": (packed("xl/workbook.xml"), r"a spreadsheet \(.xlsx\)", "CSV UTF-8"),
    "zip": (packed("train.csv"), "a ZIP archive", "Unpack"),
    "npz": (saved(np.savez, np.zeros(3)), "arrays of NumPy", "CSV"),
    "npy": (saved(np.save, np.zeros(3)), "an array of NumPy", "CSV"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"a spreadsheet \(.xls\)", "CSV UTF-8"),
    "gzip": (gzip.compress(b"image_id,label\n"), "compressed", "gzip -dc FILE > table.csv"),
    "parquet": (b"PAR1\x15\x04", "a Parquet table", "read_parquet"),
    "pickle": (
        b"\x80\x04\x95\n\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s.",
        "a pickle, which is never opened",
        "CSV",
    ),
    "html": (b"<!DOCTYPE html>\n<html><body>Sign in", "a page of the web", "Download"),
    "json": (b'[{"id": 1, "label": "cat"}]', "JSON", "read_json"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS", "git lfs pull"),
    "random": (bytes(np.random.default_rng(7).integers(0, 256, 999, dtype=np.uint8)), "a binary file", "Name the CSV"),
    **{kind: (picture(kind), "an image", "Name the CSV") for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")},
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_text_is_named_with_what_to_do(kind):
    data, what, remedy = KINDS[kind]
    for encoding in (None, "cp1252") if kind != "random" else (None,):
        with pytest.raises(NoTextError, match=f"is {what}.*, not CSV text") as caught:
            decode(data, encoding)
        assert remedy in caught.value.remedy


def test_a_header_that_begins_like_an_archive_is_a_header():
    for text in ("PK,label\n", "BMI,label\n", "PAR1,label\n", "id,label\n"):
        assert decode(text.encode()) == (text, "utf-8")
