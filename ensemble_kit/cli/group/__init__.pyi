from .advice import with_folders as with_folders
from .root import ek as ek
