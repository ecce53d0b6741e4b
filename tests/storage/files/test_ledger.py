import threading

import pytest

from ensemble_kit.disk.sealed import seal
from ensemble_kit.errors import BadDataError, CorruptError
from ensemble_kit.storage.files.ledger import append_entry, count_distinct, read_ledger


def test_entries_come_back_in_order_a_line_each(tmp_path):
    path = tmp_path / "blends" / "ledger.jsonl"
    assert read_ledger(path) == []
    entries = [{"method": "logit-sum", "note": "two\nlines"}, {"method": "prob-mean", "accuracy": 0.875}]
    for entry in entries:
        append_entry(path, entry)
    assert read_ledger(path) == entries
    assert path.read_bytes().count(b"\n") == 3  # and their number


def test_the_same_configuration_counts_once(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for method, members, val in (
        ("a", [1], "x"),
        ("a", [1], "x"),
        ("b", [1], "x"),
        ("a", [1, 2], "x"),
        ("a", [1], "y"),
    ):
        append_entry(path, {"method": method, "members": members, "val": val, "time": len(read_ledger(path))})
    assert count_distinct(path, ("method", "members", "val")) == 4
    assert count_distinct(path, ("method", "members"), where={"val": "x"}) == 3
    assert count_distinct(path, ("method",)) == 2
    assert count_distinct(tmp_path / "none.jsonl", ("method",)) == 0


def test_a_damaged_line_is_named_and_stops_the_count(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for number in range(3):
        append_entry(path, {"number": number})
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"number":1', b'"number":7'))
    for use in (read_ledger, lambda one: count_distinct(one, ("number",)), lambda one: append_entry(one, {})):
        with pytest.raises(CorruptError, match="ledger.jsonl, line 3, to match the sha256"):
            use(path)
    path.write_bytes(data[:-1])
    with pytest.raises(CorruptError, match="line 4: the line is cut off"):
        read_ledger(path)


def test_lines_that_are_missing_are_missed(tmp_path):
    path = tmp_path / "ledger.jsonl"
    for number in range(4):
        append_entry(path, {"number": number})
    lines = path.read_bytes().splitlines(keepends=True)
    for kept in (lines[:1], lines[:2], lines[:-1], lines[:1] + lines[2:], [*lines, lines[-1]]):
        path.write_bytes(b"".join(kept))
        for use in (read_ledger, lambda one: append_entry(one, {"number": 9})):
            with pytest.raises(CorruptError, match=f"ledger.jsonl has {len(kept) - 1} entries, not the 4 it says"):
                use(path)


def test_a_ledger_of_an_earlier_version_is_counted_from_its_next_entry_on(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b"".join(seal({"number": number}, one_line=True) for number in range(2)))
    assert [one["number"] for one in read_ledger(path)] == [0, 1]
    append_entry(path, {"number": 2})
    assert [one["number"] for one in read_ledger(path)] == [0, 1, 2]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(CorruptError, match="has 2 entries, not the 3 it says"):
        read_ledger(path)


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    with pytest.raises(BadDataError, match="finite numbers only"):
        append_entry(tmp_path / "ledger.jsonl", {"p": float("inf")})


def test_entries_of_several_writers_are_all_kept(tmp_path):
    path = tmp_path / "ledger.jsonl"
    threads = [
        threading.Thread(target=lambda start=start: [append_entry(path, {"n": start + i}) for i in range(5)])
        for start in (0, 5, 10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entry["n"] for entry in read_ledger(path)) == list(range(15))


def test_a_ledger_that_is_empty_has_lost_its_lines(tmp_path):
    path = tmp_path / "ledger.jsonl"
    append_entry(path, {"number": 1})
    path.write_bytes(b"")
    with pytest.raises(CorruptError, match=r"line 1: the line is cut off"):
        read_ledger(path)
