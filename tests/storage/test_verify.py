import random

import pytest
import torch

from ensemble_kit.errors import CorruptError
from ensemble_kit.storage import blends
from ensemble_kit.storage.files import ledger
from ensemble_kit.storage.members import members
from ensemble_kit.storage.runs import runs
from ensemble_kit.storage.submissions import sample_and_csv as submissions
from ensemble_kit.storage.verify import verify_all

FLIPS = 1000


@pytest.fixture
def house(tmp_path, stored):
    """Every kind of artefact: two members, a run each, one of them unfinished, blends, ledgers, a submission."""
    folders = [tmp_path / name for name in ("predictions", "runs", "blends", "submissions")]
    root, run_root, blend_root, submission_root = folders
    config = runs.write_config(run_root / "cnn", {"lr": 2e-4})
    metrics = runs.write_metrics(run_root / "cnn", [{"epoch": 1, "loss": 0.5}])
    checkpoint = runs.write_checkpoint(run_root / "cnn", {"weight": torch.arange(7.0)}, {"arch": "cnn"})
    runs.write_checkpoint(run_root / "unfinished", {"weight": torch.arange(5.0)}, {"arch": "mlp"})
    named = {"run": "elsewhere/cnn", "config_sha256": config, "metrics_sha256": metrics}
    stored(root, "cnn", checkpoint_sha256=checkpoint.sha256, **named)
    stored(root, "vit", views=("identity",), source="imported", imported={"kind": "logits", "clipped": 0})
    pins = tuple(
        blends.PinnedMember(name, members.manifest_sha256(root / name), None, ("identity",), (1.0,), 1.0, 0.5)
        for name in ("cnn", "vit")
    )
    blends.write_blend(blend_root, blends.Blend("both", "prob-mean", pins, "equal", ("ant", "bee")))
    for folder in (blend_root, submission_root):
        for number in range(3):
            ledger.append_entry(folder / "ledger.jsonl", {"number": number, "accuracy": 0.875})
    submissions.write_submission(submission_root / "s.csv", ("x", "y"), ("ant", "bee"), provenance={"blend": "both"})
    return folders


def test_every_artefact_is_checked_and_nothing_else_lies_about(house, tmp_path):
    checked = verify_all(*house)
    there = {path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".lock"}
    assert set(checked) == there
    assert len(checked) == len(there) == 19


def test_a_thousand_flipped_bits_are_all_found(house, tmp_path):
    """Damage a random bit of a random artefact, a thousand times; its own file must be named."""
    rng = random.Random(5)
    cache = tmp_path / ".ek"
    artefacts = verify_all(*house, cache)
    for _ in range(FLIPS):
        path = rng.choice(artefacts)
        whole = path.read_bytes()
        place = rng.randrange(8 * len(whole))
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << (place % 8)
        path.write_bytes(flipped)
        with pytest.raises(CorruptError, match=r"damaged: 1\.") as caught:
            verify_all(*house, cache)
        assert str(path) in str(caught.value), f"bit {place}"
        path.write_bytes(whole)
    assert verify_all(*house, cache) == artefacts


def test_a_file_that_is_gone_is_named(house):
    for path in verify_all(*house):
        if path.name in ("member.json", "ledger.jsonl", "both.json", "s.json") or "unfinished" in path.parts:
            continue  # the file that vouches for the others: without it there is no artefact
        whole = path.read_bytes()
        path.unlink()
        with pytest.raises(CorruptError, match=path.name):
            verify_all(*house)
        path.write_bytes(whole)


def test_all_damage_is_listed_at_once(house):
    for path in (house[0] / "cnn" / "member.json", house[2] / "both.json", house[3] / "s.csv"):
        path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(CorruptError, match=r"(?s)Verified 13 files; damaged: 3\..*.*cnn/member.json.*both.json.*s.csv"):
        verify_all(*house)


def test_folders_that_are_not_there_hold_nothing(tmp_path):
    assert verify_all(*(tmp_path / name for name in "abcd")) == []
