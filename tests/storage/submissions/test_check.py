"""Broken submissions, a row each in the tables: what is said of each, on which line; and those that are fit."""

import pytest

from ensemble_kit.errors import BadDataError
from ensemble_kit.storage.submissions.check import Wanted, check_submission, read_checked

IDS = ("0001.png", "0002.png", "0003.png", "1e5.png", "é1.png", "a,b.png", "NA.png")
CLASSES = ("ant", "Bee fly", "cät", "dog", "elk")
HEADER = ("image_id", "label")
WANTED = Wanted(IDS, CLASSES, HEADER)
GOOD = (
    'image_id,label\n0001.png,ant\n0002.png,Bee fly\n0003.png,cät\n1e5.png,dog\né1.png,elk\n"a,b.png",ant\nNA.png,dog\n'
)
SEMICOLONS = GOOD.replace(",", ";").replace('"a;b.png"', "a,b.png")
LABELS = ("ant", "Bee fly", "cät", "dog", "elk", "ant", "dog")


def said(data, wanted=WANTED):
    data = data.encode() if isinstance(data, str) else data
    checked = check_submission(data, wanted)
    return [one.sentence() for one in checked.errors], [one.sentence() for one in checked.notes], checked.labels


def instead(old, new):
    assert old in GOOD
    return GOOD.replace(old, new, 1)


BROKEN = {
    "empty": ("", ["the file is empty. Wanted a header line"]),
    "header alone": (
        "image_id,label\n",
        ["line 1: there is a header but no rows", "7 of 7 ids are missing: '0001.png'"],
    ),
    "no header": (GOOD.partition("\n")[2], ["line 1: there is no header. Wanted 'image_id' and 'label'"]),
    "other header": (
        instead("label", "class"),
        ["line 1: the header is another: 'image_id,class'. Wanted 'image_id,label'"],
    ),
    "header in capitals": (instead("label", "Label"), ["line 1: the header is another by case or blanks"]),
    "header with blanks": (instead(",label", ", label"), ["line 1: the header is another by case or blanks"]),
    "columns swapped": (
        "label,image_id\n" + "".join(f'{b},"{a}"\n' for a, b in zip(IDS, LABELS, strict=True)),
        ["line 1: labels stand before ids: 'label,image_id'"],
    ),
    "columns swapped under the right header": (
        "image_id,label\n" + "".join(f'{b},"{a}"\n' for a, b in zip(IDS, LABELS, strict=True)),
        ["line 1: labels stand before ids"],
    ),
    "a column missing": ("image_id\n" + "".join(f'"{a}"\n' for a in IDS), ["line 1: there is one column alone"]),
    "a column too many": (
        "image_id,label,score\n" + "".join(f'"{a}",{b},0.5\n' for a, b in zip(IDS, LABELS, strict=True)),
        ["line 1: there are more than two columns: 'image_id,label,score'. Remove the others."],
    ),
    "index of pandas": (
        ",image_id,label\n" + "".join(f'{n},"{a}",{b}\n' for n, (a, b) in enumerate(zip(IDS, LABELS, strict=True))),
        ["line 1: the first column is pandas' index", "to_csv(index=False)"],
    ),
    "comma at the end of every line": (
        GOOD.replace("\n", ",\n"),
        ["line 1: the header ends in a comma"],
    ),
    "comma at the end of a line": (instead("ant\n", "ant,\n"), ["line 2: rows end in a comma"]),
    "id with a comma, unquoted": (
        instead('"a,b.png"', "a,b.png"),
        ["line 7: rows have another number of fields", "3 fields"],
    ),
    "too few fields": (
        instead("0002.png,Bee fly", "0002.png"),
        ["line 3: rows have another number of fields", "labels are missing"],
    ),
    "sep= line": ("sep=,\n" + GOOD, ["line 1: the file begins with a spreadsheet's 'sep=' line"]),
    "UTF-16 without a mark": (GOOD.encode("utf-16-le"), ["the file is UTF-16 without a byte-order mark. Give --enc"]),
    "Windows' encoding": (
        GOOD.encode("cp1252"),
        ["line 4: the file holds bytes that are not UTF-8; they are likely cp1252 (which reads 'cät'). Give --enc"],
    ),
    "archive": (b"PK\x03\x04rest", ["the file is a ZIP archive, not CSV text"]),
    "gzip": (b"\x1f\x8brest", ["the file is compressed (gzip), not CSV text. Unpack it first: gzip -dc"]),
    "NUL byte": (instead("ant", "a\0nt"), ["line 2: there are NUL bytes"]),
    "quote not closed": (instead("0003.png", '"0003.png'), ["from here on the file is no CSV", "line 4: "]),
    "row missing": (instead("0002.png,Bee fly\n", ""), ["1 of 7 ids are missing: '0002.png'. Add a row"]),
    "id twice": (
        instead("0002.png,", "0001.png,"),
        ["line 3: ids stand twice: '0001.png', first on line 2", "'0002.png'"],
    ),
    "extra id": (GOOD + "0009.png,ant\n", ["line 9: ids are not asked for: '0009.png'"]),
    "empty id": (instead("0002.png,", ","), ["line 3: ids are empty"]),
    "empty row of commas": (
        instead("0002.png,Bee fly\n", "0002.png,Bee fly\n,\n"),
        ["line 4: ids are empty", "labels are missing"],
    ),
    "header twice": (instead("0003.png", "image_id,label\n0003.png"), ["line 4: the header stands here again"]),
    "two files joined": (
        GOOD + GOOD,
        ["line 9: the header stands here again", "lines 10, 11, 12, 13, 14, ... (7 in all): ids stand twice"],
    ),
    "zeros and endings lost": (
        instead("0001.png", "1").replace("0002.png", "2"),
        ["lines 2, 3: ids have lost their leading zeros and their ending: '1' (wanted '0001.png')", "dtype=str"],
    ),
    "zeros lost": (
        instead("0003.png", "3.png"),
        ["line 4: ids have lost their leading zeros: '3.png' (wanted '0003.png')"],
    ),
    "id turned to a number": (
        instead("1e5.png", "100000.0"),
        ["line 5: ids were turned into numbers and have lost their ending: '100000.0' (wanted '1e5.png')"],
    ),
    "id rounded by Excel": (
        instead("0001.png", "1.00000E+18"),
        ["line 2: ids were rounded by a spreadsheet, and their last digits are lost: '1.00000E+18'"],
    ),
    "stem": (
        instead("0001.png", "0001"),
        ["line 2: ids lack their ending, or have another: '0001' (wanted '0001.png')"],
    ),
    "another ending": (instead("0001.png", "0001.jpg"), ["line 2: ids lack their ending, or have another"]),
    "path in front": (
        instead("0001.png", "test/0001.png"),
        ["line 2: ids have a folder in front, or lack it: 'test/0001.png'"],
    ),
    "Windows path": (instead("0001.png", "C:\\test\\0001.png"), ["line 2: ids have a folder in front, or lack it"]),
    "id with a blank": (instead("0001.png", "0001.png "), ["line 2: ids have blanks around them: '0001.png ' (wanted"]),
    "id in capitals": (instead("0001.png", "0001.PNG"), ["line 2: ids differ in case: '0001.PNG'"]),
    "id decomposed": (instead("é1", "e\u03011"), ["line 6: ids are in another Unicode form", "'e\\u03011.png'"]),
    "id full-width": (instead("0001.png", "０００１.png"), ["line 2: ids have full-width characters: '０００１.png'"]),
    "label in other case": (
        instead("Bee fly", "bee Fly"),
        ["line 3: labels differ in case: 'bee Fly' (wanted 'Bee fly')"],
    ),
    "label with a blank": (
        instead("ant\n", "ant \n"),
        ["line 2: labels have blanks around them: 'ant ' (wanted 'ant')"],
    ),
    "label with a tab": (instead("ant\n", "ant\t\n"), ["line 2: labels have blanks around them: 'ant\\t'"]),
    "label with an underscore": (
        instead("Bee fly", "Bee_fly"),
        ["line 3: labels have other blanks, dashes or underscores"],
    ),
    "label decomposed": (instead("cät", "ca\u0308t"), ["line 4: labels are in another Unicode form"]),
    "label in quotes twice": (instead("ant\n", '"""ant"""\n'), ["line 2: labels have quotes in them"]),
    "label as bytes": (instead("ant\n", "b'ant'\n"), ["line 2: labels have quotes in them: \"b'ant'\" (wanted 'ant')"]),
    "empty label": (instead("ant\n", "\n"), ["line 2: labels are missing: ''. Predict a class for every image."]),
    "NaN": (instead("ant\n", "NaN\n"), ["line 2: labels are missing: 'NaN'"]),
    "unknown label": (instead("dog", "dogg"), ["line 5: labels are no classes: 'dogg' (did you mean 'dog'?)"]),
    "class index": (instead("ant\n", "3\n"), ["line 2: labels are places of classes, not names: '3' (3 is 'dog')"]),
    "class index as a float": (instead("ant\n", "3.0\n"), ["line 2: labels are places of classes, not names: '3.0'"]),
    "probability": (instead("ant\n", "0.93\n"), ["line 2: labels are probabilities, not names: '0.93'"]),
    "number": (instead("ant\n", "-17\n"), ["line 2: labels are numbers, not names: '-17'"]),
    "scores in a cell": (
        instead("ant\n", '"[0.1, 0.9]"\n'),
        ["line 2: labels are scores of all classes: '[0.1, 0.9]'"],
    ),
    "one-hot": (
        "image_id,ant,Bee fly,cät,dog,elk\n" + "".join(f'"{a}",1,0,0,0,0\n' for a in IDS),
        ["line 1: there is a column for each class (one-hot, or scores)"],
    ),
    "cut off": (GOOD[: GOOD.rindex("og\n")], ["line 8: labels are cut off at the end of the file: 'd'"]),
    "cut off in an id": (GOOD[: GOOD.rindex("A.png")], ["line 8: rows have another number of fields", "1 fields"]),
}


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_a_broken_submission_is_caught_with_line_and_cause(case):
    data, wanted = BROKEN[case]
    errors, _, labels = said(data)
    assert labels == ()
    for one in wanted:
        assert any(one in error for error in errors), errors


def test_there_are_more_than_fifty_kinds_of_broken_submissions():
    assert len(BROKEN) > 50


HARMLESS = {
    "byte-order mark": (b"\xef\xbb\xbf" + GOOD.encode(), "line 1: the file begins with a byte-order mark"),
    "UTF-16": (GOOD.encode("utf-16"), "the file is UTF-16, not UTF-8. Save it as comma-separated UTF-8."),
    "semicolons": (SEMICOLONS, "line 1: fields are separated by semicolons, not commas. Save it as"),
    "tabs": (SEMICOLONS.replace(";", "\t"), "line 1: fields are separated by tabs, not commas"),
    "Windows line ends": (GOOD.replace("\n", "\r\n"), "lines end in CR LF, as on Windows"),
    "old Macintosh line ends": (GOOD.replace("\n", "\r"), "lines end in CR alone"),
    "mixed line ends": (instead("0003", "0003").replace("cät\n", "cät\r\n"), "line 4: line ends are mixed"),
    "blank lines": (instead("0002", "\n\n0002"), "lines 3, 4: there are blank lines. Remove them."),
    "no end of the last line": (GOOD.rstrip("\n"), "line 8: the last line has no end"),
    "another order": (
        instead("0001.png,ant\n0002.png,Bee fly\n", "0002.png,Bee fly\n0001.png,ant\n"),
        "line 2: rows stand in another order than wanted, from here on",
    ),
}


@pytest.mark.parametrize("case", HARMLESS, ids=str)
def test_what_leaves_no_doubt_is_accepted_with_a_note(case):
    data, wanted = HARMLESS[case]
    errors, notes, labels = said(data)
    assert (errors, labels) == ([], LABELS)
    assert len(notes) == 1
    assert notes[0].startswith(wanted)


FIT = {
    "plain": GOOD,
    "all quoted": "\n".join(",".join(f'"{cell}"' for cell in row) for row in [HEADER, *zip(IDS, LABELS, strict=True)])
    + "\n",
}


@pytest.mark.parametrize("case", FIT, ids=str)
def test_a_fit_submission_gives_its_labels_without_a_word(case):
    assert said(FIT[case]) == ([], [], LABELS)


def test_ids_that_look_like_numbers_or_missing_values_pass_as_they_are():
    ids = ("\xff.png", "NaN", "007", "1e5", "line\nbreak", "<b>")
    wanted = Wanted(ids, ("3", "NA"), ("Id", "Category"))
    rows = zip(ids, ("3", "NA", "3", "3", "NA", "NA"), strict=True)
    text = "Id,Category\n" + "".join(f'"{a}",{b}\n' for a, b in rows)
    assert said(text, wanted) == ([], [], ("3", "NA", "3", "3", "NA", "NA"))
    checked = check_submission(text.encode("cp1252"), wanted, "cp1252")
    assert checked.labels == ("3", "NA", "3", "3", "NA", "NA")
    assert [one.sentence() for one in checked.notes] == [
        "the file is CP1252, not UTF-8. Save it as comma-separated UTF-8."
    ]


def test_whole_numbers_as_classes_may_not_have_a_point():
    wanted = Wanted(("a", "b"), ("0", "1", "3"), HEADER)
    errors, _, _ = said("image_id,label\na,3.0\nb,1\n", wanted)
    assert errors == [
        "line 2: labels are written as numbers with a point: '3.0' (wanted '3'). Write whole numbers: astype(int)."
    ]


def test_all_problems_of_a_file_are_listed_and_five_of_each_kind():
    ids = tuple(f"{place:04d}" for place in range(1, 14))
    rows = "".join(f"{int(one)},{'Cat' if one < '0007' else 'ox'}\n" for one in ids)
    errors, _, _ = said("Image,label\n" + rows + "zz,\n", Wanted(ids, ("cat", "dog"), HEADER))
    assert errors == [
        "line 1: the header is another: 'Image,label'. Wanted 'image_id,label'.",
        "lines 2, 3, 4, 5, 6, ... (13 in all): ids have lost their leading zeros: '1' (wanted '0001'), '2' (wanted "
        "'0002'), '3' (wanted '0003'), '4' (wanted '0004'), '5' (wanted '0005'). Read them as text: "
        "pandas.read_csv(FILE, dtype=str).",
        "line 15: ids are not asked for: 'zz'. Remove these rows, or give the right --sample.",
        "lines 2, 3, 4, 5, 6, ... (6 in all): labels differ in case: 'Cat' (wanted 'cat'). Write them as they are.",
        "lines 8, 9, 10, 11, 12, ... (7 in all): labels are no classes: 'ox'. Classes are 'cat', 'dog'.",
        "line 15: labels are missing: ''. Predict a class for every image.",
    ]


def test_to_a_host_order_is_nothing_and_folders_and_endings_are_notes():
    wanted = Wanted(("a/01.png", "b/02.png"), ("cat", "dog"), as_host=True)
    errors, notes, labels = said("file,class\n02,dog\n01.jpg,cat\n", wanted)
    assert (errors, labels) == ([], ("cat", "dog"))
    [note] = notes
    assert note.startswith("lines 2, 3: ids were matched without folder or ending.")


def test_an_ending_that_could_mean_two_images_is_not_guessed():
    errors, _, _ = said(
        "image_id,label\na,cat\nb.png,cat\n", Wanted(("a.png", "a.jpg", "b.png"), ("cat",), HEADER, True)
    )
    assert errors[0] == "line 2: ids are not asked for: 'a'. Remove these rows, or give the right --labels."


@pytest.mark.parametrize("wanted", ["1000000000000000123", "0001", "1", "1.png"])
def test_an_id_that_excel_rounded_has_not_lost_its_zeros(wanted):
    errors, _, _ = said("image_id,label\n1.00000E+18,cat\n", Wanted((wanted,), ("cat",), HEADER))
    assert errors[0].startswith("line 2: ids were rounded by a spreadsheet")
    assert not any("zeros" in error for error in errors)


def test_labels_pass_where_nobody_knows_the_classes_but_must_be_there():
    wanted = Wanted(("a", "b"), (), HEADER)
    assert said("image_id,label\na,x\nb,y\n", wanted)[2] == ("x", "y")
    assert said('image_id,label\na," x"\nb,y\n', wanted)[0] == [
        "line 2: labels have blanks around them: ' x'. Remove the blanks."
    ]
    assert said("image_id,label\na,x\nb,\n", wanted)[0] == [
        "line 3: labels are missing: ''. Predict a class for every image."
    ]


def test_a_row_with_a_line_break_inside_is_counted_by_the_line_it_begins_on():
    wanted = Wanted(("a\nb", "c", "d"), ("x",), HEADER)
    errors, _, _ = said('image_id,label\n"a\nb",x\nc,y\nd,x\n', wanted)
    assert errors == ["line 4: labels are no classes: 'y'. Classes are 'x'."]


def test_control_characters_inside_a_row_count_as_no_line_end():
    wanted = Wanted(("a\x02", "b"), ("x",), HEADER)
    errors, notes, labels = said("image_id,label\na\x02,x\r\nb,x\n", wanted)
    assert (errors, labels) == ([], ("x", "x"))
    assert notes == ["line 2: line ends are mixed. End every line with a line feed alone."]


def test_a_file_that_is_not_fit_or_not_there_is_refused_with_its_name(tmp_path):
    path = tmp_path / "mine.csv"
    with pytest.raises(BadDataError, match="Cannot read the submission .*mine.csv: No such file"):
        read_checked(path, WANTED)
    with pytest.raises(BadDataError, match="Cannot read the submission"):
        read_checked(tmp_path, WANTED)
    path.write_text(instead("dog", "cow"))
    with pytest.raises(
        BadDataError, match="mine.csv is not fit to be handed in:\n  line 5: labels are no classes: 'cow'"
    ):
        read_checked(path, WANTED)
    path.write_text(GOOD)
    assert read_checked(path, WANTED).labels == LABELS
