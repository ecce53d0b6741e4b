"""Lists of classes: whatever stands around the names, the first class is the first name."""

from pathlib import Path

import pytest

from ensemble_kit.errors import BadDataError
from ensemble_kit.images.class_lists import read_classes
from ensemble_kit.texts import Reader

CAT_DOG = ("cat", "dog")
TABLES = {
    "a name a line": ("cat\ndog\n", ""),
    "a header": ("class\ncat\ndog\n", "its first line, 'class', is read as a header"),
    "a header in capitals": ("Class Name\r\ncat\r\ndog", "its first line, 'Class Name', is read as a header"),
    "numbers and names": ("id,name\n0,cat\n1,dog\n", "column 'name', in the order of column 'id'"),
    "names and numbers, in another order": ("name;class_id\ndog;1\ncat;0\n", "in the order of column 'class_id'"),
    "no header": ("0,cat\n1,dog\n", "column '2', in the order of column '1'"),
    "index of pandas": (",label\n0,cat\n1,dog\n", "column 'label'"),
    "tabs": ("0\tcat\n1\tdog\n", "in the order of"),
    "numbers and a blank": ("0 cat\n1 dog\n", "in the order of"),
    "a further column": ("name,description\ncat,an animal\ndog,another\n", "column 'name'"),
    "blanks": (" cat\ndog \n", "blanks around 2 classes are left out: ' cat'"),
    "a mark": ("\ufeffcat\ndog", ""),
    "quotes": ('"cat"\n"dog"\n', ""),
    "old line ends": ("cat\rdog\r", ""),
    "a line of blanks": ("cat\n \ndog\n\t\u200b\n", ""),
    "numbers and a line of blanks": ("0 cat\n1 dog\n  \n", "in the order of"),
}


def read(tmp_path, content, encoding=None):
    path, reader = tmp_path / "classes.csv", Reader(encoding)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_classes(path, reader), " ".join(reader.remarks)


@pytest.mark.parametrize("case", TABLES)
def test_what_stands_around_the_names_shifts_none_of_them_and_is_said(tmp_path, case):
    content, said = TABLES[case]
    names, remarks = read(tmp_path, content)
    assert names == CAT_DOG
    assert said in remarks
    assert bool(said) == bool(remarks)


@pytest.mark.parametrize(
    "names",
    [
        ("tench, Tinca tinca", "great white shark, Carcharodon"),
        ("fire truck", "hot dog"),
        ("0", "1", "2"),
        ("step 1", "step 2"),
        ("1 cat", "2 dogs"),
        ("a;b", "c"),
        ('5" pipe', '"a" or "b"'),
        ("NA", "x\u2028y", "null"),
    ],
    ids=str,
)
def test_names_that_only_look_like_a_table_are_names(tmp_path, names):
    assert read(tmp_path, "\n".join(names)) == (names, "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cat\ncat\n", "the class 'cat' twice"),
        (b"cat\ncat \n", "the class 'cat' twice"),
        ("é\ne\u0301\n".encode(), r"the class .* twice, as 'é' and 'e\\u0301'"),
        (b"cat\n\n", "two or more classes.*got 1"),
        (b" \n", "two or more classes.*got 0"),
        (b"class\ncat\n", "two or more classes.*got 1"),
        (b"1,cat\n2,dog\n", "numbers its classes from 1 to 2; wanted each number from 0 to 1 once"),
        (b"id,name\n0,cat\n2,dog\n", "numbers its classes from 0 to 2"),
        (b"id,class,name\n0,c,cat\n1,d,dog\n", "may be in the columns class, name"),
        (b"cat\nPok\xe9mon\n", "line 2, holds bytes that are not UTF-8; they are likely cp1252"),
        (b"PK\x03\x04", "is a ZIP archive"),
    ],
)
def test_a_list_of_classes_that_cannot_be_used_is_named(tmp_path, content, message):
    with pytest.raises(BadDataError, match=message):
        read(tmp_path, content)
    with pytest.raises(BadDataError, match="Check --classes"):
        read_classes(tmp_path / "absent.txt")
    with pytest.raises(BadDataError, match="it is a device, not a file"):
        read_classes(Path("/dev/zero"))


def test_a_class_that_is_called_as_a_header_is_first_where_it_is_numbered(tmp_path):
    assert read(tmp_path, "0,class\n1,cat\n")[0] == ("class", "cat")


def test_another_encoding_is_read_as_it_is_said(tmp_path):
    assert read(tmp_path, "Pokémon\ncat\n".encode("cp1252"), "cp1252")[0] == ("Pokémon", "cat")
