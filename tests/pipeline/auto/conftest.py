from hub_stand_in import hub_cache, the_hub

__all__ = ["hub_cache", "the_hub"]
