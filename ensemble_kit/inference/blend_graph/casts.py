"""What members cast and who wins, in operations that a graph can hold.

The casts of `ensembling.combining.voting` once more, as torch operations: a graph cannot hold NumPy. A test compares
every one of them with its model. In float64, as there. To add one: its function; the method's line in
`ensembling.combining.METHODS` names it.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

Votes = Float[Tensor, "images classes"]


def cast_logit(logits: Votes) -> Votes:
    """Cast the logits themselves."""
    return logits


def cast_prob(logits: Votes) -> Votes:
    """Cast the probabilities of the classes."""
    return logits.softmax(dim=-1)


def cast_log_prob(logits: Votes) -> Votes:
    """Cast the logarithms of the probabilities, computed without a probability between."""
    shifted = logits - logits.amax(dim=-1, keepdim=True)
    return shifted - shifted.exp().sum(dim=-1, keepdim=True).log()


def cast_top1(logits: Votes) -> Votes:
    """Cast one whole vote for the best class (ties: the lowest class index)."""
    classes = torch.arange(logits.shape[-1])
    return (classes == logits.argmax(dim=-1, keepdim=True)).double()


def cast_rank(logits: Votes) -> Votes:
    """Cast Borda's points by comparing every class with every other: 1,000 classes take 8 MB per image.

    Example:
        >>> cast_rank(torch.tensor([[4.0, 1.0, 9.0], [5.0, 5.0, 2.0]])).tolist()
        [[0.5, 0.0, 1.0], [0.75, 0.75, 0.0]]
    """
    mine, theirs = logits.unsqueeze(-1), logits.unsqueeze(-2)
    behind = (mine > theirs).double().sum(dim=-1)
    equal = (mine == theirs).double().sum(dim=-1) - 1
    return (behind + equal / 2) / max(logits.shape[-1] - 1, 1)


def decide(scores: Votes, tie_break: Votes | None, tie_width: float) -> Int[Tensor, " images"]:
    """Return the winning class; of scores within `tie_width` that of the best tie break, then the lowest class."""
    if tie_break is None:
        return scores.argmax(dim=-1)
    tied = scores >= scores.amax(dim=-1, keepdim=True) - tie_width
    confidence = torch.where(tied, tie_break, torch.full_like(tie_break, -1.0))
    best = confidence >= confidence.amax(dim=-1, keepdim=True) - tie_width
    return best.float().argmax(dim=-1)  # ONNX Runtime 1.18 finds no maximum of whole numbers
