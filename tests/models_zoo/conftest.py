from hub_stand_in import hub_cache, the_hub
from one_thread import one_thread

__all__ = ["hub_cache", "one_thread", "the_hub"]
