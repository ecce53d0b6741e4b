import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble_kit.disk.sealed import seal
from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError, MisalignedError
from ensemble_kit.storage.partial.part import Part, parse_part, part_named, plan_parts, render_part, share

JOB = "a" * 64
PART = Part("val", 14, 21)
PATH = Path("parts/val-14-21.part")
LOGITS = np.random.default_rng(0).normal(size=(3, 7, 5)).astype(np.float32)
MS = (1.5, 2.0, 0.25)
PLANS = {
    "counts": st.dictionaries(st.sampled_from(["val", "test", "train"]), st.integers(0, 5000)),
    "batch_size": st.integers(1, 512),
    "bytes_per_image": st.integers(4, 1 << 21),
}


@given(**PLANS)
def test_the_parts_of_a_split_are_its_rows_each_once_cut_between_batches(counts, batch_size, bytes_per_image):
    parts = plan_parts(counts, batch_size, bytes_per_image)
    for split, images in counts.items():
        mine = [part for part in parts if part.split == split]
        assert [row for part in mine for row in range(images)[part.rows]] == list(range(images))
        assert all(part.first % batch_size == 0 for part in mine)
        assert all(part.images % batch_size == 0 and part.images >= batch_size for part in mine[:-1])
    assert [part.split for part in parts] == sorted((part.split for part in parts), key=list(counts).index)


@given(**PLANS)
def test_there_are_64_parts_at_most_unless_more_are_needed_for_their_size(counts, batch_size, bytes_per_image):
    parts = plan_parts(counts, batch_size, bytes_per_image)
    for split, images in counts.items():
        mine = [part for part in parts if part.split == split]
        one_batch = all(part.images <= batch_size for part in mine)
        assert one_batch or all(part.images * bytes_per_image <= 64 * 2**20 for part in mine)
        if len(mine) > 64:  # one batch more would be too large
            assert (mine[0].images + batch_size) * bytes_per_image > 64 * 2**20
        else:
            assert one_batch or images > 64 * (mine[0].images - batch_size)


def test_plans_worked_out_by_hand():
    def sizes(*given):
        return [part.images for part in plan_parts(*given)]

    assert sizes({"val": 300}, 64, 240) == [64, 64, 64, 64, 44]
    assert sizes({"val": 0, "test": 1}, 64, 240) == [1]
    assert sizes({"test": 400_000}, 64, 240) == [98 * 64] * 63 + [400_000 - 63 * 98 * 64]  # 6250 batches, 97.7 a part
    assert sizes({"test": 1000}, 4, 2**24) == [4] * 250  # 64 MiB a batch
    assert sizes({"test": 10}, 4, 2**30) == [4, 4, 2]  # a batch of 4 GiB is still a part


@given(**PLANS, shards=st.integers(1, 97))
def test_all_shards_together_are_all_parts_each_once(counts, batch_size, bytes_per_image, shards):
    parts = plan_parts(counts, batch_size, bytes_per_image)
    shared = [share(parts, index, shards) for index in range(1, shards + 1)]
    assert sorted(part for shard in shared for part in shard) == sorted(parts)
    assert all(list(shard) == [part for part in parts if part in set(shard)] for shard in shared)


@given(**PLANS, shards=st.integers(1, 13))
def test_no_shard_has_more_than_one_part_a_split_more_than_another(counts, batch_size, bytes_per_image, shards):
    parts = plan_parts(counts, batch_size, bytes_per_image)
    largest = sum(max((part.images for part in parts if part.split == split), default=0) for split in counts)
    loads = [sum(part.images for part in share(parts, index, shards)) for index in range(1, shards + 1)]
    assert max(loads) - min(loads) <= largest


@pytest.mark.parametrize(("index", "count"), [(0, 3), (4, 3), (-1, 3), (1, 0)])
def test_a_shard_that_cannot_be_is_refused(index, count):
    with pytest.raises(InvalidOptionError, match=f"no shard {index} of {count}; wanted I/N with I from 1 to N"):
        share(plan_parts({"val": 11}, 2, 40), index, count)


def test_a_part_is_known_by_the_one_name_of_its_file():
    for part in (Part("val", 0, 128), Part("my-test", 128, 131)):
        assert part_named(part.file) == part
    for name in (
        "val-0-128.npy",
        "val-00-128.part",
        "val-0.part",
        "-0-1.part",
        ".tmp-0123",
        "job.json",
        "val-0-1.part~",
    ):
        assert part_named(name) is None


def content():
    return b"".join(render_part(PART, JOB, LOGITS, MS))


def test_a_part_comes_back_bit_for_bit():
    finished = parse_part(content(), PART, JOB, PATH)
    assert finished.logits.dtype == np.float32
    assert finished.logits.tobytes() == LOGITS.tobytes()
    assert finished.ms_by_view == MS
    turned = np.asfortranarray(LOGITS)
    assert b"".join(render_part(PART, JOB, turned, MS)) == content()


def test_a_stranger_reads_one_line_of_json_and_then_the_numbers():
    head, _, body = content().partition(b"\n")
    said = json.loads(head)
    shape = (said["views"], said["last"] - said["first"], said["classes"])
    assert np.array_equal(np.frombuffer(body, np.float32).reshape(shape), LOGITS)
    assert (said["job"], said["split"], said["ms_by_view"]) == (JOB, "val", [1.5, 2.0, 0.25])


@given(place=st.integers(0, len(content()) - 1), bit=st.integers(0, 7))
def test_every_flipped_bit_is_found(place, bit):
    data = bytearray(content())
    data[place] ^= 1 << bit
    with pytest.raises(CorruptError, match=r"val-14-21.part is damaged or was replaced: .*Remove that file and run"):
        parse_part(bytes(data), PART, JOB, PATH)


@given(length=st.integers(0, len(content()) - 1))
def test_a_part_that_was_cut_short_is_found(length):
    with pytest.raises(CorruptError, match=r"damaged or was replaced: .*only this part is computed anew"):
        parse_part(content()[:length], PART, JOB, PATH)
    with pytest.raises(CorruptError, match="bytes of logits are not those that were written"):
        parse_part(content() + b"\n" * (length + 1), PART, JOB, PATH)


def test_a_part_of_another_job_or_of_other_rows_is_refused():
    with pytest.raises(CorruptError, match="it belongs to job aaaaaaaaaaaa, not to bbbbbbbbbbbb"):
        parse_part(content(), PART, "b" * 64, PATH)
    for other in (replace(PART, split="test"), replace(PART, first=7), replace(PART, last=28)):
        with pytest.raises(CorruptError, match="it holds rows 14 to 20 of val"):
            parse_part(content(), other, JOB, PATH)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"views": 5, "classes": 3}, "bytes of logits are not those"),
        ({"views": -3, "classes": -5}, "bytes of logits are not those"),
        ({"views": 0, "classes": 0}, "bytes of logits are not those"),
        ({"ms_by_view": [1.5, 2.0]}, "bytes of logits are not those"),
        ({"logits_sha256": "0" * 64}, "bytes of logits are not those"),
        ({"views": "3"}, "its first line was changed, or is none"),
        ({"ms_by_view": None}, "its first line was changed, or is none"),
        ({"more": 1}, "its first line was changed, or is none"),
    ],
)
def test_a_forged_first_line_is_refused_even_with_a_true_seal(changes, message):
    head, _, body = content().partition(b"\n")
    with pytest.raises(CorruptError, match=message):
        parse_part(seal({**json.loads(head), **changes}, one_line=True) + body, PART, JOB, PATH)


def test_what_is_no_such_part_is_never_written():
    for logits, ms_by_view in ((LOGITS[:, :5], MS), (LOGITS, MS[:2]), (LOGITS[:0], ())):
        with pytest.raises(MisalignedError, match=r"val-14-21.part: wanted logits .* with 7 images, .*got logits \("):
            render_part(PART, JOB, logits, ms_by_view)
    with pytest.raises(BadDataError, match="finite numbers only"):
        render_part(PART, JOB, LOGITS, (1.5, math.nan, 2.0))
