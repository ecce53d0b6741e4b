from .access import (
    FULL_DISK as FULL_DISK,
    NOT_OF_THE_FILE as NOT_OF_THE_FILE,
    NOT_THERE as NOT_THERE,
    check_working_folder as check_working_folder,
    check_writable as check_writable,
    listed as listed,
    may as may,
    refused as refused,
    standing_folder as standing_folder,
    unreachable as unreachable,
)
from .cached_array import (
    check_cached as check_cached,
    map_array as map_array,
    note_path as note_path,
    read_cached as read_cached,
    render_note as render_note,
)
from .checksums import (
    check as check,
    check_once as check_once,
    remember_written as remember_written,
    sha256_of as sha256_of,
)
from .paths import beside as beside, read_plain as read_plain
from .sealed import SEAL as SEAL, seal as seal, unseal as unseal
from .temporaries import (
    PREFIX as PREFIX,
    is_abandoned as is_abandoned,
    is_dead as is_dead,
    mark_in as mark_in,
    process_mark as process_mark,
    temporary_name as temporary_name,
)
