from .table import VIEW_SETS as VIEW_SETS
from .views import canonical as canonical
from .views import merge_equal as merge_equal
from .views import parse_views as parse_views
from .views import see as see
