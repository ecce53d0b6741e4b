from .table import VIEW_SETS as VIEW_SETS
from .views import canonical as canonical, merge_equal as merge_equal, parse_views as parse_views, see as see
