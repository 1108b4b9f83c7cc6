"""Presentation never matters, and what only looks like it does."""

from __future__ import annotations

import pytest
from support.graded import cases, outcome

RIGHT = r"""
7 | \boxed{7}
7 | \fbox{7}
7 | \quad 7
7 | \mathbf{7}
7 | ７
7 | 𝟕
\sqrt{7} | √7
\frac{7}{8} | ⅞
x^3 | x³
7\times 10^{5} | 7×10⁵
2\pi | 2π
a\ge b | a ≥ b
\theta | θ
-7 | −7
-7 | –7
\mathbf{v} | \mathbf{v}
\hbar\omega | ℏω
"""

WRONG = r"""
7 | ~~7~~
7 | <s>7</s>
12 | 12 \phantom{0}3
12 | 1\phantom{}2 5
12 | \color{red}{1}3
12 | \hspace{12}
"""


@pytest.mark.parametrize(("gold", "answer"), cases(RIGHT))
def test_right(gold: str, answer: str) -> None:
    assert outcome(gold, answer) == "correct"


@pytest.mark.parametrize(("gold", "answer"), cases(WRONG))
def test_wrong(gold: str, answer: str) -> None:
    assert outcome(gold, answer) in ("wrong", "unparseable")
