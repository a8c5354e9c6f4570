"""Muon: momentum whose matrix is made orthogonal before it is applied.

Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks" (kellerjordan.github.io/posts/muon).
torch.optim.Muon (from torch 2.9 on) iterates in bfloat16 whatever the device, which a CPU without bfloat16 units
does a hundred times slower than float32; this one iterates in what it is asked to, and shares the work in a group.
"""

import torch

from strivelm.training.distributed import ALONE, ProcessGroup


def orthogonalise(matrix: torch.Tensor, steps: int = 5, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The matrix with its singular values pushed towards 1 (they end between about 0.7 and 1.2), shape kept.

    A quintic Newton-Schulz iteration with the coefficients of Jordan et al., computed in `dtype` (theirs is bfloat16).
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix.to(dtype)
    tall = x.shape[0] > x.shape[1]
    x = x.t() if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.t()
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.t() if tall else x).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Muon for two-dimensional weights, with Nesterov momentum and decoupled weight decay.

    The step of an (out, in) matrix is scaled by √max(1, out / in), so that one learning rate suits all shapes.
    """

    def __init__(
        self,
        params,
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        dtype: torch.dtype = torch.float32,
        group: ProcessGroup = ALONE,
    ):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.dtype, self.group = dtype, group
        for parameters in self.param_groups:
            if any(p.dim() != 2 for p in parameters["params"]):
                raise ValueError("Muon takes matrices only; give vectors to AdamW")

    @torch.no_grad()
    def step(self, closure=None):
        """One step. Raises ValueError for a closure, which this optimiser has no use for."""
        if closure is not None:
            raise ValueError("Muon takes no closure; compute the loss and its gradient before the step")
        for group in self.param_groups:
            moving = [(p, p.grad) for p in group["params"] if p.grad is not None]
            for (p, _), update in zip(moving, self._updates(moving, group["momentum"]), strict=True):
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-group["lr"] * max(1, p.shape[0] / p.shape[1]) ** 0.5)

    def _updates(self, moving: list[tuple[torch.Tensor, torch.Tensor]], momentum: float) -> list[torch.Tensor]:
        """Each matrix's orthogonalised momentum; every process of a group computes some and gets them all.

        Args:
            moving: the matrices, each with its gradient.
        """
        updates = []
        for i, (p, gradient) in enumerate(moving):
            average = self.state[p].setdefault("momentum_buffer", torch.zeros_like(p))
            average.lerp_(gradient, 1 - momentum)
            mine = i % self.group.size == self.group.rank
            update = orthogonalise(gradient.lerp(average, momentum), dtype=self.dtype) if mine else torch.zeros_like(p)
            updates.append(update)
        self.group.sum(updates)
        return updates
