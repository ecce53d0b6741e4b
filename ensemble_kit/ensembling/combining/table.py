"""The methods by which members vote. Imports nothing heavy.

A method is a weighted sum of what each member casts by itself; what is no such sum, as a median, has no place here.
To add one: its cast and `Voting` in `voting`, shown in the room's stub; the same cast for the graph of a blend in
`inference.blend_graph.casts`; and a line here, which names both.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from ensemble_kit.ensembling import combining

if TYPE_CHECKING:
    from ensemble_kit.ensembling.combining.voting import Voting


class Method(NamedTuple):
    """One line of `METHODS`.

    reach: fetches how members vote, as `lambda: combining.BORDA`; only then its module is imported.
    graph_cast: what the graph of a blend casts: the name of a function of `inference.blend_graph.casts`. A name,
        because the maths never imports networks.
    """

    help: str
    reach: "Callable[[], Voting]"
    graph_cast: str

    def load(self) -> "Voting":
        """Import and return how members vote."""
        return self.reach()


METHODS: Final[Mapping[str, Method]] = {
    "logit-sum": Method("weighted sum of logits", lambda: combining.LOGIT_SUM, "cast_logit"),
    "prob-mean": Method("weighted mean of probabilities", lambda: combining.PROB_MEAN, "cast_prob"),
    "geo-mean": Method("weighted geometric mean of probabilities", lambda: combining.GEO_MEAN, "cast_log_prob"),
    "majority-vote": Method("one weighted vote a member", lambda: combining.MAJORITY_VOTE, "cast_top1"),
    "borda": Method("weighted points by rank", lambda: combining.BORDA, "cast_rank"),
}
