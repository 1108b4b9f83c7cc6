"""Symbols keep their identity: case, primes, accents, indices; `i`, `e`, `d`."""

from __future__ import annotations

import pytest
from support.graded import cases, outcome

RIGHT = r"""
2\sqrt3 | 2 \cdot 3^{1/2}
0.\dot{3} | \frac13
\frac{4}{33} | 0.\dot{1}\dot{2}
\frac13 | 0.333\ldots
\frac{1}{6} | 0.1\overline{6}
1,2 | x_1=1, x_2=2
1\pm i | 1+i, 1-i
e^{i\pi} | -1
\sqrt{-1} | i
i | \sqrt{-1}
3+4i | 4i+3
\frac{1}{1+i} | \frac{1-i}{2}
\log_2 8 | 3
\ln e | 1
A' | A'
\vec{v} | \vec{v}
\overline{AB} | \overline{AB}
|x| | \sqrt{x^2}
a_n=2n-1 | 2n-1
a_n = 2n-1 | a_n=2n-1
2^{n+1} | 2\cdot 2^n
e^{-x} | \frac{1}{e^x}
e^{-x} | \exp(-x)
\ln 2 | \log_e 2
\frac{10}{3} | 3.\overline{3}
\hat{x} | \hat x
\dot{x} | \dot{x}
x_{0} | x_0
k_B T | k_{B}T
\frac{dy}{dx}=x | \frac{dy}{dx} = x
3-2i | 3 - 2 i
"""

WRONG = r"""
5 | 5i
5 | 5_6
5 | 5'
5 | 5''
5 | 5^T
5 | \overline{5}
5 | \hat{5}
GM/r | Gm/R
x_1 | x_2
x_1 | x
x' | x
\dot{x} | x
\hat{x} | x
\vec{v} | v
\bar{x} | x
A^T | A
x^* | x
2x | 2y
\sin x | \sin y
\ln x | \log_{10} x
\sigma | \Sigma
1+i | 1-i
2i | 2
2i | 2j
3+4i | 4+3i
52_8 | 52_7
y=2x+1 | x=2y+1
e | 2.718
x^2_1 | x^2
\log_2 3 | \log_3 2
|x| | x
0.\overline{3} | 0.3
0.9\overline{6} | 0.96
\overline{AB} | \overline{CD}
7 | 7 \mathrm{e}
5N | 5n
x+y=3 | x=3-2y
\sum_{k=1}^{n} k | \sum_{k=1}^{n} k^2
\sum_{k=1}^{n} k | \frac{n(n-1)}{2}
\int_0^1 f(x)\,dx | \int_0^2 f(x)\,dx
12 | 0 \cdot 12
12 | 12 \cdot
i\sqrt{3} | \sqrt{3}
e^2 | E^2
e^2 | c^2
\lambda | \Lambda
\phi | \psi
x_{1} | x_{11}
x_1x_2 | x_{12}
\theta' | \theta
f'(x) | f(x)
f''(x) | f'(x)
\frac{dy}{dx} | \frac{dx}{dy}
\frac{dy}{dx} | \frac{y}{x}
\|x\| | |x|
"""


@pytest.mark.parametrize(("gold", "answer"), cases(RIGHT))
def test_right(gold: str, answer: str) -> None:
    assert outcome(gold, answer) == "correct"


@pytest.mark.parametrize(("gold", "answer"), cases(WRONG))
def test_wrong(gold: str, answer: str) -> None:
    assert outcome(gold, answer) in ("wrong", "unparseable")
