from . import ledger as ledger
from .atomic import (
    LOCK_NAME as LOCK_NAME,
    abandoned as abandoned,
    locked as locked,
    make_folder as make_folder,
    remove_files as remove_files,
    remove_temporaries as remove_temporaries,
    replace_file as replace_file,
    replace_file_in_parts as replace_file_in_parts,
    replace_files as replace_files,
    write_new as write_new,
    writing as writing,
)
from .editable import FIRST as FIRST, read_editable as read_editable, signed as signed
from .intents import (
    INTENT_PREFIX as INTENT_PREFIX,
    intended as intended,
    settle as settle,
    sha256_before as sha256_before,
    sync_folder as sync_folder,
    waiting_in as waiting_in,
)
from .json_fields import (
    UnknownFieldError as UnknownFieldError,
    build as build,
    number_from_json as number_from_json,
    number_to_json as number_to_json,
    plain as plain,
)
from .ledger import (
    LEDGER_NAME as LEDGER_NAME,
    append_after as append_after,
    entered as entered,
    line_of as line_of,
    read_ledger as read_ledger,
)
from .outputs import (
    IsOurs as IsOurs,
    REPLACES as REPLACES,
    check_output as check_output,
    check_pair as check_pair,
    is_sealed as is_sealed,
    is_stream as is_stream,
    keep_aside as keep_aside,
    sealed_voucher as sealed_voucher,
    write_output as write_output,
    write_pair as write_pair,
)
from .page_seal import page_voucher as page_voucher
from .png_seal import is_sealed_png as is_sealed_png, seal_png as seal_png
from .receipts import note as note, noted as noted, noting as noting, remove_old as remove_old, stands as stands
