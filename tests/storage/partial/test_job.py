import errno
import os
import random
import shutil
import signal
import time
import tracemalloc

import numpy as np
import pytest

from ensemble_kit.disk.sealed import unseal
from ensemble_kit.errors import BadDataError, CorruptError, LockedError, MisalignedError, ResourceError
from ensemble_kit.storage.files.atomic import locked
from ensemble_kit.storage.partial import job as jobs
from ensemble_kit.storage.partial.job import open_job
from ensemble_kit.storage.partial.part import parse_part, plan_parts, share

COUNTS = {"val": 11, "test": 29}
PARTS = plan_parts(COUNTS, batch_size=2, bytes_per_image=60)
WHOLE = {
    split: np.random.default_rng(len(split)).normal(size=(3, images, 5)).astype(np.float32)
    for split, images in COUNTS.items()
}
DESCRIPTION = {"checkpoint": "c" * 64, "views": ("identity", "hflip", "vflip"), "batch_size": 2, "counts": COUNTS}


def ms_of(part):
    return [1.0, 2.0, float(part.first)]


def compute(job, parts):
    for part in parts:
        job.write(part, WHOLE[part.split][:, part.rows], ms_of(part))


@pytest.fixture
def job(tmp_path):
    return open_job(tmp_path, DESCRIPTION)


def test_what_is_joined_is_what_was_computed_bit_for_bit_and_mapped(job):
    compute(job, reversed(PARTS))
    for split, whole in WHOLE.items():
        joined = job.join(PARTS, split)
        assert isinstance(joined.logits, np.memmap)
        assert joined.logits.shape == whole.shape
        assert joined.logits.tobytes() == whole.tobytes()
        assert not joined.logits.flags.writeable
    assert {path.name for path in job.folder.iterdir()} == {jobs.JOB_NAME, *(part.file for part in PARTS)}


def test_milliseconds_are_averaged_over_images_not_over_parts(job):
    compute(job, PARTS)
    mine = [part for part in PARTS if part.split == "val"]
    assert {part.images for part in mine} == {1, 2}
    by_image = np.repeat([ms_of(part) for part in mine], [part.images for part in mine], axis=0)
    assert job.join(PARTS, "val").ms_by_view == pytest.approx(by_image.mean(axis=0))


def test_what_is_finished_is_there_and_the_rest_is_missing(job):
    assert job.there() == frozenset()
    compute(job, PARTS[3:7])
    (job.folder / "notes.txt").write_text("mine")
    (job.folder / "val-00-2.part").write_text("no name of ours")
    assert job.there() == set(PARTS[3:7])
    assert job.missing(PARTS) == PARTS[:3] + PARTS[7:]
    assert open_job(job.folder.parent, DESCRIPTION) == job


def test_folders_filled_by_several_machines_can_be_copied_together(tmp_path):
    machines = [open_job(tmp_path / name, DESCRIPTION) for name in ("one", "two", "three")]
    assert len({machine.folder.name for machine in machines}) == 1
    for index, machine in enumerate(machines, 1):
        compute(machine, share(PARTS, index, 3))
    for machine in machines[1:]:
        shutil.copytree(machine.folder, machines[0].folder, dirs_exist_ok=True)
    again = open_job(tmp_path / "one", DESCRIPTION)
    assert again.missing(PARTS) == ()
    for split, whole in WHOLE.items():
        assert again.join(PARTS, split).logits.tobytes() == whole.tobytes()


def test_a_part_that_two_compute_is_one_part(job):
    compute(job, PARTS)
    before = set(job.folder.iterdir())
    compute(job, PARTS[:3])
    assert set(job.folder.iterdir()) == before
    assert job.join(PARTS, "val").logits.tobytes() == WHOLE["val"].tobytes()


def test_another_description_is_another_job(job, tmp_path):
    compute(job, PARTS)
    for changes in ({"checkpoint": "d" * 64}, {"views": ["identity"]}, {"batch_size": 3}, {"sha256": job.key}):
        other = open_job(tmp_path, {**DESCRIPTION, **changes})
        assert other.key != job.key
        assert other.there() == frozenset()
    same = {**dict(reversed(DESCRIPTION.items())), "views": ["identity", "hflip", "vflip"]}
    assert open_job(tmp_path, same) == job


def test_job_json_says_what_is_computed_and_carries_its_key(job):
    path = job.folder / "job.json"
    said = unseal(path.read_bytes(), path)
    assert said["description"]["counts"] == COUNTS
    assert f'"sha256": "{job.key}"' in path.read_text()
    assert job.folder.name == job.key[:12]


@pytest.mark.parametrize(
    "damage", [lambda data: data.replace(b"hflip", b"hfliP"), lambda data: b"", lambda data: data * 2]
)
def test_a_damaged_job_json_is_refused_and_its_parts_outlive_it(damage, job, tmp_path):
    compute(job, PARTS)
    path = job.folder / "job.json"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CorruptError, match=r"job.json is damaged or describes another job; .*Remove that file"):
        open_job(tmp_path, DESCRIPTION)
    path.unlink()
    assert open_job(tmp_path, DESCRIPTION).missing(PARTS) == ()


def test_a_job_json_of_another_job_is_refused(job, tmp_path):
    other = open_job(tmp_path, {"checkpoint": "d" * 64})
    shutil.copy(other.folder / "job.json", job.folder / "job.json")
    with pytest.raises(CorruptError, match="describes another job"):
        open_job(tmp_path, DESCRIPTION)


def test_a_description_that_is_not_finite_is_refused(tmp_path):
    with pytest.raises(BadDataError, match="finite numbers only"):
        open_job(tmp_path, {"size": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_missing_rows_are_listed_with_what_to_do(job):
    compute(job, [PARTS[0], *PARTS[3:]])
    with pytest.raises(
        MisalignedError, match=r"lacks 2 of 6 parts of val: rows 2 to 5\. Let the shards.*--merge again"
    ):
        job.join(PARTS, "val")
    for part in PARTS[6::2]:
        (job.folder / part.file).unlink()
    listed = r"lacks 8 of 15 parts of test: rows 0 to 1, 4 to 5, 8 to 9, 12 to 13, 16 to 17 and 3 more ranges\."
    with pytest.raises(MisalignedError, match=listed):
        job.join(PARTS, "test")


def test_a_plan_with_a_gap_joins_to_nothing(job):
    compute(job, PARTS)
    mine = [part for part in PARTS if part.split == "val"]
    for parts in (mine[1:], [mine[0], *mine[2:]], [], [*mine, mine[-1]]):
        with pytest.raises(MisalignedError, match="Wanted all parts of val to join, got"):
            job.join(parts, "val")


def test_a_damaged_part_is_named_and_only_it_is_computed_anew(job):
    compute(job, PARTS)
    path = job.folder / PARTS[2].file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptError, match=r"val-4-6.part is damaged or was replaced: .*Remove that file"):
        job.join(PARTS, "val")
    path.unlink()
    assert job.missing(PARTS) == (PARTS[2],)
    compute(job, job.missing(PARTS))
    assert job.join(PARTS, "val").logits.tobytes() == WHOLE["val"].tobytes()


def test_a_part_from_the_folder_of_another_job_is_refused(job, tmp_path):
    other = open_job(tmp_path, {"checkpoint": "d" * 64})
    compute(other, PARTS)
    shutil.copytree(other.folder, job.folder, ignore=shutil.ignore_patterns("job.json"), dirs_exist_ok=True)
    with pytest.raises(CorruptError, match=f"it belongs to job {other.key[:12]}, not to {job.key[:12]}"):
        job.join(PARTS, "val")


@pytest.mark.parametrize("shape", [(2, 2, 5), (3, 2, 7)])
def test_a_part_of_other_views_or_classes_than_the_first_is_refused(shape, job):
    compute(job, PARTS)
    job.write(PARTS[1], np.zeros(shape, np.float32), [1.0] * shape[0])
    with pytest.raises(CorruptError, match=r"val-2-4.part holds logits .*, wanted \(3, 2, 5\) as in the first part"):
        job.join(PARTS, "val")


def test_logits_of_other_rows_are_never_written(job):
    with pytest.raises(MisalignedError, match="val-0-2.part: wanted logits .* with 2 images"):
        job.write(PARTS[0], WHOLE["val"], [1.0, 2.0, 3.0])
    assert job.there() == frozenset()


def test_a_part_that_cannot_be_read_says_so(job):
    compute(job, PARTS)
    (job.folder / PARTS[0].file).unlink()
    (job.folder / PARTS[0].file).mkdir()
    with pytest.raises(ResourceError, match=r"Cannot read .*val-0-2.part: Is a directory"):
        job.join(PARTS, "val")


def test_a_full_disk_is_an_error_that_says_what_is_needed(job, monkeypatch):
    compute(job, PARTS)

    def full(*given, **named):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(jobs, "TemporaryFile", full)
    with pytest.raises(ResourceError, match=r"The disk is full: .*test needs at least 1,740 bytes"):  # 3 * 29 * 5 * 4
        job.join(PARTS, "test")


def test_what_was_joined_outlives_the_job(job, tmp_path):
    compute(job, PARTS)
    joined = job.join(PARTS, "test").logits
    job.remove()
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    assert joined.tobytes() == WHOLE["test"].tobytes()
    job.remove()
    assert job.missing(PARTS) == PARTS


def test_a_removed_job_leaves_what_is_not_ours(job):
    compute(job, PARTS)
    (job.folder / "notes.txt").write_text("mine")
    job.remove()
    assert os.listdir(job.folder) == ["notes.txt"]


def test_writers_wait_for_the_lock_and_readers_do_not(job, monkeypatch):
    compute(job, PARTS)
    monkeypatch.setattr(jobs, "locked", lambda root: locked(root, timeout_s=0.1))
    with locked(job.folder.parent):
        assert job.join(PARTS, "val").logits.tobytes() == WHOLE["val"].tobytes()
        for write in (lambda: compute(job, PARTS[:1]), job.remove, lambda: open_job(job.folder.parent, DESCRIPTION)):
            with pytest.raises(LockedError, match="held its lock for 0.1 s"):
                write()


def killed_while_writing(job, seconds):
    """Let a child write the parts over and over, and kill it after that time."""
    child = os.fork()
    if child == 0:
        try:
            while True:
                compute(job, PARTS)
        finally:
            os._exit(1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_moment_leaves_whole_parts_and_the_next_writer_cleans_up(job):
    moments, left = random.Random(7), 0
    for _ in range(29):
        shutil.rmtree(job.folder)
        open_job(job.folder.parent, DESCRIPTION)
        killed_while_writing(job, 0.002 + 0.03 * moments.random())
        left += len(list(job.folder.glob(".tmp-*")))
        for part in job.there():
            path = job.folder / part.file
            finished = parse_part(path.read_bytes(), part, job.key, path)
            assert np.array_equal(finished.logits, WHOLE[part.split][:, part.rows])
        compute(job, job.missing(PARTS) or PARTS[:1])
        assert {path.name for path in job.folder.iterdir()} == {"job.json", *(part.file for part in PARTS)}
    assert left > 0  # some were killed while they wrote


def test_a_split_is_never_whole_in_memory(tmp_path):
    job = open_job(tmp_path, {})
    parts = plan_parts({"test": 6007}, batch_size=31, bytes_per_image=3 * 211 * 4)
    for part in parts:
        job.write(part, np.full((3, part.images, 211), part.first, np.float32), [1.0, 1.0, 1.0])
    tracemalloc.start()
    try:
        logits = job.join(parts, "test").logits
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(parts) > 40
    assert peak_bytes < logits.nbytes / 10
    assert np.array_equal(logits[1, :, 7], np.repeat([one.first for one in parts], [one.images for one in parts]))


def test_damaged_parts_are_dropped_and_so_are_computed_anew(job):
    compute(job, PARTS)
    damaged = [job.folder / part.file for part in PARTS[2:5]]
    damaged[0].write_bytes(damaged[0].read_bytes()[:-1])
    damaged[1].write_bytes(b"")
    damaged[2].write_bytes(damaged[2].read_bytes()[:-9] + bytes(9))
    assert job.drop_damaged(PARTS[:3]) == tuple(damaged[:1])
    assert job.drop_damaged(PARTS) == tuple(damaged[1:])
    assert job.missing(PARTS) == PARTS[2:5]
    compute(job, job.missing(PARTS))
    assert job.drop_damaged(PARTS) == ()
    assert job.join(PARTS, "val").logits.tobytes() == WHOLE["val"].tobytes()
