from .cost import costs_of as costs_of, ms_of as ms_of
from .cv_families import Family as Family, members_of as members_of
from .members import (
    describe_member as describe_member,
    members as members,
    members_add as members_add,
    members_rename as members_rename,
    members_rm as members_rm,
)
from .out_of_fold import (
    MERGED as MERGED,
    as_they_are as as_they_are,
    means_of as means_of,
    oof_pool as oof_pool,
    spread as spread,
)
from .pools import (
    Evaluation as Evaluation,
    evaluation_of as evaluation_of,
    evaluation_of_one as evaluation_of_one,
    member_on as member_on,
    weighed as weighed,
)
