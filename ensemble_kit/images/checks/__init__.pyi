from .contact_sheet import Picture as Picture, Tile as Tile, draw_sheet as draw_sheet
from .duplicates import BITS as BITS, NEAR as NEAR
from .findings import Row as Row, find_all as find_all, rows_of as rows_of
from .inspect import inspect_files as inspect_files
from .shift import compare_classes as compare_classes, compare_values as compare_values, group_means as group_means
