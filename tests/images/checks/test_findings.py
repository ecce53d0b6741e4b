"""What is wrong with a data set is found, once, and the worst comes first."""

from pathlib import Path

import numpy as np
from PIL import Image

from ensemble_kit.images.checks.findings import find_all, find_elongated, rows_of
from ensemble_kit.images.checks.inspect import Appearance, Facts, inspect_file
from ensemble_kit.images.splits import DataSet, Split

CLASSES = ("cat", "dog")


def noise(seed, shape=(16, 16, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def data_set(folder, groups=False, **splits):
    """A data set and its rows: for each split (name of file, pixels or bytes, label, group)."""
    made = {}
    for split, images in splits.items():
        for name, content, *_ in images:
            path = folder / f"{split}-{name}"
            path.write_bytes(content) if isinstance(content, bytes) else Image.fromarray(content).save(path)
        names, _, labels, *rest = zip(*images, strict=True)
        made[split] = Split(
            ids=names,
            paths=tuple(folder / f"{split}-{name}" for name in names),
            labels=None if None in labels else np.array(labels),
            groups=rest[0] if groups else None,
        )
    data = DataSet(CLASSES, made)
    return rows_of(data, [inspect_file(path) for split in made.values() for path in split.paths])


def told(findings):
    return [
        (one.kind, one.split, one.image_id, one.other_split, one.other_id, one.leak, one.conflict) for one in findings
    ]


def test_a_sound_set_has_no_findings(tmp_path):
    rows = data_set(tmp_path, train=[("a.png", noise(0), 0), ("b.png", noise(1), 1)], test=[("c.png", noise(2), None)])
    assert find_all(rows, near=6) == []


def test_each_copy_is_paired_with_the_first_by_the_strongest_kind(tmp_path):
    rows = data_set(
        tmp_path,
        train=[("a.png", noise(0), 0), ("b.png", noise(0), 0), ("c.bmp", noise(0), 1)],
        val=[("d.png", noise(0), 1), ("e.png", noise(5), 0)],
        test=[("f.png", noise(5)[:, ::-1], None)],
    )
    assert told(find_all(rows, near=6)) == [
        ("same bytes", "val", "d.png", "train", "a.png", True, True),
        ("mirrored", "test", "f.png", "val", "e.png", True, False),
        ("same pixels", "train", "c.bmp", "train", "a.png", False, True),
        ("same bytes", "train", "b.png", "train", "a.png", False, False),
    ]


def test_near_duplicates_are_named_once_a_split_and_not_where_the_pixels_are_equal(tmp_path):
    page = np.kron(noise(3, (8, 8, 3)), np.ones((4, 4, 1), np.uint8))
    brighter = (page * 0.9).astype(np.uint8)
    rows = data_set(
        tmp_path,
        train=[("a.png", page, 0), ("b.bmp", page, 0), ("c.png", noise(4), 1)],
        val=[("d.png", brighter, 0)],
    )
    found = find_all(rows, near=6)
    assert told(found) == [
        ("near", "val", "d.png", "train", "a.png", True, False),
        ("same pixels", "train", "b.bmp", "train", "a.png", False, False),
    ]
    assert found[0].distance <= 6


def test_a_mirror_image_with_another_label_is_no_conflict(tmp_path):
    """An arrow to the left is an arrow to the right in the mirror."""
    rows = data_set(tmp_path, train=[("left.png", noise(7), 0), ("right.png", noise(7)[:, ::-1], 1)])
    assert told(find_all(rows, near=6)) == [("mirrored", "train", "right.png", "train", "left.png", False, False)]


def test_a_group_in_two_splits_is_a_leak_with_its_counts(tmp_path):
    rows = data_set(
        tmp_path,
        groups=True,
        train=[("a.png", noise(0), 0, "s1"), ("b.png", noise(1), 1, "s1"), ("c.png", noise(2), 1, "s2")],
        val=[("d.png", noise(3), 0, "s1"), ("e.png", noise(4), 1, "s3")],
    )
    found = find_all(rows, near=6)
    assert told(found) == [("group", "val", "d.png", "train", "a.png", True, False)]
    assert found[0].detail == "group 's1': 2 train, 1 val"


def test_two_empty_files_are_unreadable_and_no_leak(tmp_path):
    rows = data_set(
        tmp_path,
        train=[("a.png", noise(0), 0), ("b.png", b"", 1)],
        val=[("c.png", b"", 0), ("d.png", noise(1), 1)],
    )
    found = find_all(rows, near=6)
    assert [(one.kind, one.split, one.image_id, one.detail) for one in found] == [
        ("unreadable", "train", "b.png", "the file is empty"),
        ("unreadable", "val", "c.png", "the file is empty"),
    ]


def test_elongated_images_come_longest_first(tmp_path):
    images = [("a.png", noise(0, (10, 30, 3)), 0), ("b.png", noise(1, (10, 29, 3)), 0)]
    rows = data_set(tmp_path, train=[*images, ("c.png", noise(2, (70, 7, 3)), 1)])
    assert [(one.image_id, one.detail) for one in find_elongated(rows)] == [
        ("c.png", "7 x 70 px"),
        ("a.png", "30 x 10 px"),
    ]


def test_rows_follow_the_splits_and_carry_names_of_classes():
    appearance = Appearance(
        "PNG", "RGB", 1, 1, "", 0, 0.0, 0.0, np.zeros((8, 9), np.uint8), np.zeros((16, 16), np.uint8)
    )
    splits = {
        "train": Split(("a", "b"), (Path("a"), Path("b")), np.array([1, 0]), ("g", "h")),
        "test": Split(("c",), (Path("c"),)),
    }
    rows = rows_of(DataSet(CLASSES, splits), [Facts(str(i), appearance) for i in range(3)])
    assert [(row.split, row.image_id, row.label, row.group, row.facts.bytes_sha256) for row in rows] == [
        ("train", "a", "dog", "g", "0"),
        ("train", "b", "cat", "h", "1"),
        ("test", "c", None, None, "2"),
    ]
