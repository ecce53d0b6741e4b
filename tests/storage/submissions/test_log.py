"""What was handed in: counted under the lock, kept as it was, readable beside the lines of `ek blend`."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import ensemble_kit
from ensemble_kit.errors import BadDataError, CorruptError, InvalidOptionError, UnknownNameError
from ensemble_kit.storage.files.ledger import LEDGER_NAME, append_entry, read_ledger
from ensemble_kit.storage.submissions import log as desk_ledger
from ensemble_kit.storage.submissions.log import HandedIn, Sheet, hand_in, kept_path, of_today, read_kept, read_log
from ensemble_kit.storage.submissions.quota_rules import QuotaRules, read_rules, write_rules
from ensemble_kit.storage.verify import verify_all

SHEET = Sheet(("Id", "Class"), ("0001", "a,b", "é"), ("cat", "dog", "cat"))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)  # 20:00 at +08:00
RULES = QuotaRules(quota=2)


def enter(folder, name="best", moment=NOON, rules=RULES, **given):
    return hand_in(folder, rules, lambda: moment, HandedIn("", name, 3, **given), SHEET)


def test_what_is_handed_in_is_kept_and_read_again(tmp_path):
    entered = enter(tmp_path, blend="best", honest_accuracy=0.9, honest_interval=(0.8, 0.95), val_images=300)
    assert read_log(tmp_path) == [entered]
    assert (entered.name, entered.moment, entered.public) == ("best", NOON, None)
    assert read_kept(tmp_path, "best") == SHEET
    assert kept_path(tmp_path, "best").read_bytes() == 'Id,Class\n0001,cat\n"a,b",dog\né,cat\n'.encode()
    assert kept_path(tmp_path, "best") in verify_all(tmp_path, tmp_path, tmp_path, tmp_path)


def test_the_quota_of_a_day_holds_and_the_next_day_begins_at_the_reset(tmp_path):
    enter(tmp_path)
    enter(tmp_path, moment=datetime(2026, 3, 1, 15, 58, 59, tzinfo=UTC))
    last = datetime(2026, 3, 1, 15, 58, 59, 999999, tzinfo=UTC)
    with pytest.raises(
        InvalidOptionError,
        match=r"2 of 2 submissions of this day are handed in \(best, best-2\). The next day begins 2026-03-01 23:59 in",
    ):
        enter(tmp_path, moment=last)
    assert not kept_path(tmp_path, "best-3").exists()
    assert enter(tmp_path, moment=last + timedelta(microseconds=1)).name == "best-3"
    assert [one.name for one in of_today(read_log(tmp_path), RULES, last)] == ["best", "best-2", "best-3"]


def test_a_clock_that_ran_ahead_never_gives_more(tmp_path):
    enter(tmp_path, moment=NOON + timedelta(days=30))
    enter(tmp_path)
    with pytest.raises(InvalidOptionError, match="2 of 2 submissions"):
        enter(tmp_path)


def test_blends_written_today_stay_readable_and_count_for_nothing(tmp_path):
    for _ in range(7):
        append_entry(tmp_path / LEDGER_NAME, {"time": NOON.isoformat(), "csv": "best.csv", "blend": "best"})
    assert read_log(tmp_path) == []
    assert enter(tmp_path).name == "best"
    assert len(read_ledger(tmp_path / LEDGER_NAME)) == 8


def test_scores_told_are_remembered_and_the_last_one_counts(tmp_path):
    enter(tmp_path)
    for score in (0.5, 0.75):
        desk_ledger.enter_score(tmp_path, "best", score, NOON)
    assert [one.public for one in read_log(tmp_path)] == [0.75]
    with pytest.raises(UnknownNameError, match="No submission handed in is named 'bost'; did you mean 'best'"):
        desk_ledger.enter_score(tmp_path, "bost", 0.5, NOON)
    with pytest.raises(BadDataError, match="finite"):
        desk_ledger.enter_score(tmp_path, "best", float("nan"), NOON)


def test_what_never_arrived_counts_for_nothing_and_its_name_is_not_used_again(tmp_path):
    enter(tmp_path)
    desk_ledger.withdraw(tmp_path, "best", NOON)
    assert read_log(tmp_path) == []
    assert enter(tmp_path).name == "best-2"
    assert enter(tmp_path).name == "best-3"
    with pytest.raises(UnknownNameError, match="named 'best'"):
        desk_ledger.withdraw(tmp_path, "best", NOON)


def test_nothing_can_be_told_of_an_empty_desk_and_no_folder_is_made(tmp_path):
    with pytest.raises(UnknownNameError, match="Nothing has been handed in yet in '.*none'"):
        desk_ledger.enter_score(tmp_path / "none", "best", 0.5, NOON)
    assert not (tmp_path / "none").exists()


def test_a_damaged_ledger_stops_the_count_and_a_damaged_csv_is_found(tmp_path):
    enter(tmp_path)
    kept = kept_path(tmp_path, "best")
    kept.write_bytes(kept.read_bytes().replace(b"dog", b"cat"))
    with pytest.raises(CorruptError, match="best.csv is not the file"):
        read_kept(tmp_path, "best")
    kept.unlink()
    with pytest.raises(CorruptError, match="best.csv is missing"):
        read_kept(tmp_path, "best")
    ledger = tmp_path / LEDGER_NAME
    append_entry(ledger, {"kind": "told", "name": "nobody", "public": 0.5})
    with pytest.raises(CorruptError, match="holds a line that says nothing: .*nobody"):
        enter(tmp_path)
    ledger.write_bytes(ledger.read_bytes().replace(b"best", b"bost"))
    with pytest.raises(CorruptError, match="line 2, to match the sha256"):
        enter(tmp_path)


CLERK = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from ensemble_kit.errors import InvalidOptionError
from ensemble_kit.storage.submissions import HandedIn, Sheet
from ensemble_kit.storage.submissions.log import hand_in
from ensemble_kit.storage.submissions.quota_rules import QuotaRules
noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
sheet = Sheet(("id", "label"), ("a",), ("cat",))
entered = 0
for _ in range(7):
    try:
        hand_in(Path(sys.argv[1]), QuotaRules(quota=5), lambda: noon, HandedIn("", "same", 1), sheet)
        entered += 1
    except InvalidOptionError:
        pass
print(entered)
"""


def test_two_processes_at_once_never_exceed_the_quota(tmp_path):
    root = Path(ensemble_kit.__file__).parents[1]
    clerks = [
        subprocess.Popen([sys.executable, "-c", CLERK, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root)
        for _ in range(2)
    ]
    assert sum(int(clerk.communicate(timeout=60)[0]) for clerk in clerks) == 5
    assert [one.name for one in read_log(tmp_path)] == ["same", "same-2", "same-3", "same-4", "same-5"]


def test_rules_are_kept_and_what_is_given_beats_them(tmp_path):
    assert read_rules(tmp_path) == QuotaRules(5, "23:59", "+08:00", 0.5)
    write_rules(tmp_path, read_rules(tmp_path, quota=3, zone="+10:00"))
    assert read_rules(tmp_path, public_fraction=0.3, quota=None) == QuotaRules(3, "23:59", "+10:00", 0.3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"quota": 0}, "quota of at least 1"),
        ({"public_fraction": 1.0}, "public fraction above 0 and below 1, got 1.0"),
        ({"public_fraction": float("nan")}, "public fraction"),
        ({"zone": "Mars"}, "Wanted a zone"),
        ({"reset": "noon"}, "Wanted a reset time"),
    ],
)
def test_rules_that_cannot_be_are_refused(given, message, tmp_path):
    with pytest.raises(InvalidOptionError, match=message):
        read_rules(tmp_path, **given)


@pytest.mark.parametrize(
    "text", ["quota: many", "quotas: 5", "[1, 2]", "a: b: c", "reset: 23:59", "\xff\0", "quota: 0", "zone: Mars"]
)
def test_a_file_of_rules_that_holds_something_else_is_named(text, tmp_path):
    (tmp_path / "desk.yaml").write_text(text, encoding="latin-1")
    with pytest.raises(CorruptError, match="desk.yaml does not hold quota, reset, zone, public_fraction"):
        read_rules(tmp_path)
