"""Statistics that one pass over the logits accumulates, and the logits' transform; for all tile kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

LOG2_E = math.log2(math.e)


@dataclass(frozen=True)
class Transform:
    """logits = softcap · tanh(scale · projection / softcap); without a softcap, scale · projection."""

    scale: float = 1.0
    softcap: float | None = None

    def apply(self, projection: torch.Tensor) -> torch.Tensor:
        """Return the logits of `projection`, elementwise; never in place."""
        logits = projection if self.scale == 1.0 else projection * self.scale
        if self.softcap is None:
            return logits
        return torch.tanh(logits / self.softcap) * self.softcap

    def derivative(self, logits: torch.Tensor) -> torch.Tensor | float:
        """Return d logits / d projection at given logits."""
        if self.softcap is None:
            return self.scale
        return (1 - (logits / self.softcap) ** 2) * self.scale


class Statistics:
    """Online log-sum-exp of N rows of logits at S temperatures, with one maximum per row.

    For row i and temperature T_j, over the vocabulary entries seen so far:

        maximum[i]    = max_v z_iv
        sums[j, i]    = Σ_v exp((z_iv − maximum[i]) / T_j)
        weighted[j, i] = Σ_v exp((z_iv − maximum[i]) / T_j) · (z_iv − maximum[i])

    One maximum is enough because max_v(z_v / T) = (max_v z_v) / T for T > 0. `weighted` is kept only
    for the first `entropies` temperatures.

    Args:
        rows: N.
        temperatures: S temperatures, each a float or one per row [N].
        entropies: for how many of them, from the first on, the entropy is wanted.
        dtype: float32, or float64 for float64 logits.
        device: where the tiles are.
    """

    def __init__(
        self,
        rows: int,
        temperatures: Sequence[float | torch.Tensor],
        entropies: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.dtype = dtype
        self.entropies = entropies
        self.shared = [None if isinstance(t, torch.Tensor) else 1 / t for t in temperatures]
        """[S] 1 / T_j as a float; None where it differs between rows."""
        numbers = [0.0 if value is None else value for value in self.shared]
        self.inverse = torch.tensor(numbers, dtype=dtype, device=device).unsqueeze(1)
        """[S, N] or, when no temperature differs between rows, [S, 1]: 1 / T_j."""
        if None in self.shared:
            self.inverse = self.inverse.repeat(1, rows)
            for index, temperature in enumerate(temperatures):
                if isinstance(temperature, torch.Tensor):
                    self.inverse[index] = 1 / temperature.to(dtype)
        # Finite and not -inf: its difference to itself is 0 and not NaN. Far enough from the lowest
        # number that dividing by a temperature does not overflow.
        lowest = torch.finfo(dtype).min * 1e-6
        self.maximum = torch.full((rows,), lowest, dtype=dtype, device=device)
        self.sums = torch.zeros((len(self.shared), rows), dtype=dtype, device=device)
        self.weighted = torch.zeros((entropies, rows), dtype=dtype, device=device)
        self.target_logit = torch.zeros((rows,), dtype=dtype, device=device)

    def rows_of(self, rows: slice) -> torch.Tensor:
        """Return 1 / T_j of the rows `rows`: [S, n] or [S, 1]."""
        return self.inverse if self.inverse.shape[1] == 1 else self.inverse[:, rows]

    def log_normalisers(self) -> torch.Tensor:
        """[S, N] log Σ_v exp(z_v / T_j)."""
        return self.maximum * self.inverse + self.sums.log()

    def log_probs(self) -> torch.Tensor:
        """[S, N] log-probability of the target at every temperature."""
        return (self.target_logit - self.maximum) * self.inverse - self.sums.log()

    def entropy(self) -> torch.Tensor:
        """[entropies, N] entropy in nats: log Σ_v exp(z_v / T) − E[z / T]."""
        count = self.entropies
        sums = self.sums[:count]
        return sums.log() - self.weighted / sums * self.inverse[:count]


@dataclass(frozen=True)
class Gradient:
    """What turns a recomputed tile into the gradient of the loss with respect to its projections."""

    inverse: float | torch.Tensor
    """1 / T of the training temperature: a float, or [N]."""
    log_normaliser: torch.Tensor
    """[N] at the training temperature."""
    grad_log_prob: torch.Tensor | None
    """[N] gradient of the loss with respect to the log-probabilities."""
    entropy: tuple[torch.Tensor, torch.Tensor] | None
    """[N] entropies, and [N] the gradient of the loss with respect to them."""
