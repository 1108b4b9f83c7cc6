"""Permutation tests of two methods, and Holm's adjustment where several are made.

What may be exchanged decides what a permutation test is worth. A method acts on a whole training run:
a lucky run is better on all problems at once. Swapping the labels problem by problem treats that
luck as hundreds of independent wins and rejects true null hypotheses far more often than its nominal level.
The unit here is therefore the *run*: labels are permuted among all 2 S runs, every run keeping
its scores on every problem, so the comparison stays within problems. Runs with the same seed may
be alike; permuting them freely is then conservative. With one seed per method there are no runs
to exchange; the unit is then the problem, and the test covers these two runs only.
`tests/unit/statistics/test_permutation_tests.py` measures the type-I error of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Literal

import numpy as np
from scipy import stats

from tampo.statistics.score_arrays import Scores

Unit = Literal["run", "problem"]


@dataclass(frozen=True)
class PermutationTest:
    """Two-sided test of equal mean scores over benchmarks."""

    p_value: float
    unit: Unit
    """What was exchanged."""
    smallest: float
    """The smallest p-value that so few units can give; above 1 - confidence, nothing is found."""


def permutation_test(
    first: Scores,
    second: Scores,
    resamples: int,
    rng: np.random.Generator,
    unit: Unit | None = None,
) -> PermutationTest:
    """Test whether the mean over benchmarks depends on the method.

    Args:
        first, second: `{benchmark: [S, P]}`, the same benchmarks, seeds and problems.
        resamples: permutations drawn where there are more than that; otherwise all are made.
        rng: decides which are drawn.
        unit: what is exchanged; None is the run, or the problem where S = 1.
    """
    runs = len(next(iter(first.values())))
    unit = unit or ("run" if runs > 1 else "problem")
    kind: Literal["independent", "samples"]
    if unit == "run":
        samples = [np.mean([s.mean(axis=1) for s in m.values()], axis=0) for m in (first, second)]
        kind, permutations = "independent", comb(2 * runs, runs)
    else:
        # Each problem's part in the mean over benchmarks.
        samples = [
            np.concatenate([s.mean(axis=0) / s.shape[1] for s in m.values()]) / len(m)
            for m in (first, second)
        ]
        # A problem that both score alike on stays what it is when swapped.
        differ = samples[0] != samples[1]
        if not differ.any():
            return PermutationTest(1.0, unit, 1.0)
        samples = [sample[differ] for sample in samples]
        kind, permutations = "samples", 2 ** int(differ.sum())
    found = stats.permutation_test(
        samples,
        _difference_of_means,
        permutation_type=kind,
        vectorized=True,
        n_resamples=resamples,
        batch=1000,
        rng=rng,
    )
    smallest = 2 / min(permutations, resamples + 1)
    return PermutationTest(float(found.pvalue), unit, min(1.0, smallest))


def _difference_of_means(first: np.ndarray, second: np.ndarray, axis: int) -> np.ndarray:
    return first.mean(axis=axis) - second.mean(axis=axis)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for the number of tests made (Holm 1979), in the order given.

    The i-th smallest of m is multiplied by m - i + 1 and made no smaller than its predecessor:
    rejecting where the result is at most α keeps the chance of any false rejection at α, however
    the tests depend on one another.
    """
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return adjusted.tolist()
