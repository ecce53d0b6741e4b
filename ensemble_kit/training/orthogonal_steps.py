"""Muon: filters and matrices move by their orthogonalised momentum, all other weights by AdamW.

In float32 on any processor: the matrices of a step cost more than the step itself where bfloat16 is emulated.
Never knows which weights are which; whoever makes it marks their groups.
"""

from collections.abc import Callable
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

MOMENTUM: Final = 0.95
LIKE_ADAMW: Final = 0.2  # root mean square of a step of AdamW, in learning rates
COEFFICIENTS: Final = (
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)
"""Of x -> a x + b x^3 + c x^5, one after the other: they bring singular values from 0.001 to 1 near 1.

Source: Cesista, Jiacheng and Jordan, "Squeezing 1-2% efficiency gains out of Muon by optimizing the Newton-Schulz
coefficients", 2025.
"""


class Muon(torch.optim.AdamW):
    """One optimiser with one state; groups with `is_matrix` are of Muon, the others of AdamW.

    A step of a matrix has the size of AdamW's, so its learning rates and decays fit.

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; the size of a step by
        Liu et al., "Muon is scalable for LLM training", 2025.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the matrices, then all the rest."""
        for group in self.param_groups:
            for weight in group["params"]:
                if group["is_matrix"] and weight.grad is not None:
                    self._move(weight, group["lr"], group["weight_decay"])
                    weight.grad = None  # done, so AdamW passes it over
        return super().step(closure)

    def _move(self, weight: nn.Parameter, lr: float, decay: float) -> None:
        """Take a step with one matrix, or with filters, each of them a row."""
        assert weight.grad is not None
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros(())  # counted as AdamW counts, which looks for it where a state is taken up
            state["momentum"] = torch.zeros_like(weight)
        state["step"] += 1
        state["momentum"].lerp_(weight.grad, 1 - MOMENTUM)
        update = weight.grad.lerp(state["momentum"], MOMENTUM).flatten(1)
        size = LIKE_ADAMW * max(update.shape) ** 0.5
        weight.mul_(1 - lr * decay).add_(orthogonal(update).view(weight.shape), alpha=-lr * size)


def orthogonal(matrix: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
    """Return nearly U V', where U S V' is the singular value decomposition of the matrix.

    The iteration runs on the Gram matrix of the shorter side, so that the longer side costs two products in all.

    Example:
        >>> orthogonal(torch.diag(torch.tensor([3.0, 1.0, 0.5]))).round(decimals=1)
        tensor([[1., 0., 0.],
                [0., 1., 0.],
                [0., 0., 1.]])

    Source: the polynomial of Newton and Schulz, as in Jordan et al.; its form on the Gram matrix: own.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    scaled = matrix / matrix.norm().clamp(min=torch.finfo(matrix.dtype).tiny)
    gram = scaled @ scaled.T
    whole = _polynomial(gram, *COEFFICIENTS[0])
    part = whole
    for numbers in COEFFICIENTS[1:]:
        gram = part @ gram @ part
        part = _polynomial(gram, *numbers)
        whole = part @ whole
    found: Tensor = whole @ scaled
    return found


def _polynomial(gram: Float[Tensor, "rows rows"], a: float, b: float, c: float) -> Float[Tensor, "rows rows"]:
    """Return a + b x + c x^2 of the Gram matrix."""
    found = torch.addmm(gram, gram, gram, beta=b, alpha=c)
    found.diagonal().add_(a)
    return found
