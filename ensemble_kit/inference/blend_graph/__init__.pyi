from .graph import (
    BlendGraph as BlendGraph,
    Count as Count,
    INPUT as INPUT,
    Looker as Looker,
    OUTPUTS as OUTPUTS,
    Reordered as Reordered,
)
