from .add_views import add_views as add_views, check_origin as check_origin, set_view_weights as set_view_weights
from .arrays import read_split as read_split
from .commit import UNSWEPT as UNSWEPT, list_members as list_members, read_manifest as read_manifest, sweep as sweep
from .external_scores import (
    ForeignScores as ForeignScores,
    JUDGED as JUDGED,
    Reading as Reading,
    read_scores as read_scores,
)
from .manifest import (
    FOREIGN as FOREIGN,
    MANIFEST_NAME as MANIFEST_NAME,
    Manifest as Manifest,
    check_distinct as check_distinct,
    check_folder_name as check_folder_name,
    check_name as check_name,
)
from .members import (
    is_taken as is_taken,
    manifest_sha256 as manifest_sha256,
    remove_member as remove_member,
    rename_member as rename_member,
    write_member as write_member,
)
from .read import (
    Member as Member,
    read_member as read_member,
    read_members as read_members,
    read_predictions as read_predictions,
)
from .score_columns import differing as differing
from .truth import read_truth as read_truth
