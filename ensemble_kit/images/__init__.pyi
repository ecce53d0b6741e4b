from .cache import (
    Loaded as Loaded,
    digest_files as digest_files,
    load_images as load_images,
    median_side as median_side,
    refuse as refuse,
)
from .decode import RESIZE as RESIZE, decode as decode, resize as resize
from .folders import list_pictures as list_pictures, walk_pictures as walk_pictures
from .headers import read_file as read_file
from .manifests import read_classes as read_classes
from .sources import (
    PlacesOption as PlacesOption,
    Source as Source,
    SourceOption as SourceOption,
    read_source as read_source,
    straddling as straddling,
)
from .splits import DataSet as DataSet, Split as Split, fingerprint as fingerprint
from .stream import Chunk as Chunk, stream_pictures as stream_pictures
