"""pass@k of one problem, from how many of its sampled responses are correct; pass@1 is avg@n."""

from __future__ import annotations

import math


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased estimate of the chance that at least one of k responses is correct.

    1 - C(n-c, k) / C(n, k), the fraction of k-subsets of the n responses with a correct one
    (Chen et al. 2021, arXiv 2107.03374, equation 1). Computed as a sum of logarithms over
    min(c, k) factors: no binomial coefficient overflows, and small results keep their digits.

    Args:
        n: responses sampled for the problem.
        c: how many of them are correct.
        k: responses one is allowed.

    Raises:
        ValueError: unless 0 <= c <= n and 1 <= k <= n; the message gives all three values.
    """
    _check_counts(n, c)
    if not 1 <= k <= n:
        raise ValueError(f"pass@k of n={n}, c={c}, k={k}: k must lie in [1, n]")
    if c == 0:
        return 0.0
    if k > n - c:
        return 1.0
    # C(n-c, k) / C(n, k) is symmetric in c and k: the product may run over the smaller of them.
    few, many = sorted((c, k))
    return -math.expm1(math.fsum(math.log1p(-many / (n - j)) for j in range(few)))


def _check_counts(n: int, c: int) -> None:
    if n < 1:
        raise ValueError(f"n={n}, c={c}: at least one response is needed")
    if not 0 <= c <= n:
        raise ValueError(f"n={n}, c={c}: c must lie in [0, n]")
