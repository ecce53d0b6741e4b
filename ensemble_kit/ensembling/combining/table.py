"""The methods by which members vote. Imports nothing heavy."""

from collections.abc import Mapping
from typing import Final

from ensemble_kit.tables import Entry

BALLOTS: Final[Mapping[str, Entry]] = {
    "logit-sum": Entry("weighted sum of logits", "ensemble_kit.ensembling.combining.ballots:LOGIT_SUM"),
    "prob-mean": Entry("weighted mean of probabilities", "ensemble_kit.ensembling.combining.ballots:PROB_MEAN"),
    "geo-mean": Entry("weighted geometric mean of probabilities", "ensemble_kit.ensembling.combining.ballots:GEO_MEAN"),
    "majority-vote": Entry("one weighted vote a member", "ensemble_kit.ensembling.combining.ballots:MAJORITY_VOTE"),
    "borda": Entry("weighted points by rank", "ensemble_kit.ensembling.combining.ballots:BORDA"),
}
