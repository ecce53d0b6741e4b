from .graph import INPUT as INPUT
from .graph import OUTPUTS as OUTPUTS
from .graph import BlendGraph as BlendGraph
from .graph import Count as Count
from .graph import MemberGraph as MemberGraph
from .graph import Reordered as Reordered
