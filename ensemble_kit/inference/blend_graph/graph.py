"""A whole blend as one module: uint8 images -> probabilities and the winning class.

Resizes, views, networks, temperatures, votes, weights or a stack, T_blend and the rule for ties. Networks
compute in float32, everything after them in float64. Views that begin alike share it, and all views of a
member go through its network as one batch. Made to be written as a graph; never looks at
images for `ek tta`.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor, nn

from ensemble_kit.inference.blend_graph import casts
from ensemble_kit.inference.blend_graph.casts import cast_prob, decide
from ensemble_kit.inference.blend_graph.pixels import squared
from ensemble_kit.inference.views import see

INPUT: Final = "pictures"
OUTPUTS: Final = ("probabilities", "label")


class MemberGraph(NamedTuple):
    """A member of the blend, with the views that count.

    network: float pixels in [0, 1] -> logits, in the order of the blend's classes.
    size_px: its input size.
    weight: its share in the blend; a stack does not read it.
    """

    network: nn.Module
    size_px: int
    views: tuple[str, ...]
    view_weights: tuple[float, ...]
    temperature: float
    weight: float


class Reordered(nn.Module):
    """A network whose outputs are put into another order of classes."""

    def __init__(self, network: nn.Module, places: Sequence[int]) -> None:
        """Take over a network; `places` says where each class stands among its outputs."""
        super().__init__()
        self.network, self.places = network, list(places)

    def forward(self, pixels: Float[Tensor, "images 3 side side"]) -> Float[Tensor, "images classes"]:
        """Return the logits in the new order."""
        logits: Tensor = self.network(pixels)
        return logits[:, self.places]


class Count(NamedTuple):
    """How votes are counted.

    cast: what members cast: the name of a function of `casts`.
    unit: what scores are: logits, probabilities or votes, see `ensembling.combining.Voting`.
    tie_width: scores closer than this are equal, where votes are counted.
    stack: coefficients (members, classes, classes) and intercepts (classes,); None: weights decide.
    """

    cast: str
    unit: str
    blend_temperature: float
    tie_width: float
    stack: tuple[Tensor, Tensor] | None = None


class BlendGraph(nn.Module):
    """The module of a blend.

    Args:
        side_px: of the images that come in, all of them squares; None: they may have any height
            and width.
    """

    weights: Tensor
    temperature: Tensor
    coefficients: Tensor
    intercepts: Tensor

    def __init__(self, members: Sequence[MemberGraph], count: Count, side_px: int | None) -> None:
        """Take over networks and numbers."""
        super().__init__()
        self.networks = nn.ModuleList(member.network for member in members)
        self.members, self.count, self.side_px = tuple(members), count, side_px
        self.cast = getattr(casts, count.cast)
        for number, member in enumerate(members):
            shares = torch.tensor(member.view_weights, dtype=torch.float64) / member.temperature
            self.register_buffer(f"shares_{number}", shares.view(-1, 1, 1))
        weights = torch.tensor([member.weight for member in members], dtype=torch.float64)
        self.register_buffer("weights", weights.view(-1, 1, 1))  # a plain number would be written in float32
        self.register_buffer("temperature", torch.tensor(count.blend_temperature, dtype=torch.float64))
        if count.stack is not None:
            self.register_buffer("coefficients", count.stack[0])
            self.register_buffer("intercepts", count.stack[1])
        self.eval()

    def forward(
        self, images: UInt8[Tensor, "images 3 height width"]
    ) -> tuple[Float32[Tensor, "images classes"], Int64[Tensor, " images"]]:
        """Return probabilities, or vote shares where votes are counted, and the place of the winning class."""
        seen = self._seen(images)
        logits = [self._calibrated(number, seen[member.size_px]) for number, member in enumerate(self.members)]
        scores = self._scores(logits)
        unit = self.count.unit
        tie_break = self._sum([cast_prob(one) for one in logits]) if unit == "votes" else None
        label = decide(scores, tie_break, self.count.tie_width)
        if unit == "logits":
            scores = (scores / self.temperature).softmax(dim=-1)
        return scores.float(), label

    def _seen(self, images: UInt8[Tensor, "images 3 height width"]) -> dict[int, dict[str, Tensor]]:
        """Return what the images look like, by side and view."""
        seen = {}
        for size_px in dict.fromkeys(member.size_px for member in self.members):
            alike = [member.views for member in self.members if member.size_px == size_px]
            views = list(dict.fromkeys(view for some in alike for view in some))
            squares = images.float() if self.side_px == size_px else squared(images, size_px)
            seen[size_px] = dict(zip(views, see(views, squares / 255), strict=True))
        return seen

    def _calibrated(self, number: int, seen: dict[str, Tensor]) -> Float[Tensor, "images classes"]:
        """Return the logits of one member: its views merged, divided by its temperature."""
        views = [seen[view] for view in self.members[number].views]
        logits = self.networks[number](torch.cat(views)).double()
        apart = logits.reshape(len(views), views[0].shape[0], logits.shape[-1])
        merged: Tensor = (apart * getattr(self, f"shares_{number}")).sum(dim=0)
        return merged

    def _scores(self, logits: Sequence[Tensor]) -> Float[Tensor, "images classes"]:
        if self.count.stack is None:
            return self._sum([self.cast(one) for one in logits])
        heard = [one @ coefficients for one, coefficients in zip(logits, self.coefficients, strict=True)]
        return self.intercepts + torch.stack(heard).sum(dim=0)

    def _sum(self, votes: Sequence[Tensor]) -> Float[Tensor, "images classes"]:
        return (torch.stack(tuple(votes)) * self.weights).sum(dim=0)
