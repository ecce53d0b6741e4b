from . import log as log, sample_and_csv as sample_and_csv
from .check import Wanted as Wanted, read_checked as read_checked
from .log import (
    HANDED_IN as HANDED_IN,
    HandedIn as HandedIn,
    Sheet as Sheet,
    find_kept as find_kept,
    kept_path as kept_path,
    of_today as of_today,
    read_desk as read_desk,
)
from .rules import RULES_NAME as RULES_NAME, Rules as Rules, read_rules as read_rules
from .sample_and_csv import (
    check_replaceable as check_replaceable,
    id_form as id_form,
    match_sample as match_sample,
    read_provenance as read_provenance,
    read_sample as read_sample,
    stem as stem,
)
