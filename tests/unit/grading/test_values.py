"""Single values: numbers in every spelling, expressions of one value and of another."""

from __future__ import annotations

import pytest
from support.graded import cases, outcome

RIGHT = r"""
\frac{1}{2} | 1/2
\frac{1}{2} | \frac{\sqrt{4}}{4}
2\sqrt{3} | \sqrt{12}
3\frac{1}{7} | \frac{22}{7}
3\frac17 | 3 1/7
3\frac17 | 3+\frac{1}{7}
\frac{4}{33} | 0.121212...
\frac{1}{6} | 0.1(6)
12.5 | 12.50
A | \mathrm{A}
x^2+2x+1 | (x+1)^2
\sin^2 x+\cos^2 x | 1
\frac{x}{2} | 0.5x
2^{10} | 1024
\tan x | \frac{\sin x}{\cos x}
\ln(x^2) | 2\ln x
\binom{10}{3} | 120
5! | 120
\frac{\pi}{6} | \pi/6
6.02e23 | 6.02 \times 10^{23}
1e-5 | 0.00001
10^{-5} | 1e-5
10^{-5} | 0.00001
n(n+1)/2 | \frac{n^2+n}{2}
\frac{n(n+1)}{2} | \frac12 n(n+1)
(-1)^n | \cos(n\pi)
\frac{3}{4} | .75
\frac{3}{4} | 0.750
-\frac{3}{4} | \frac{-3}{4}
-\frac{3}{4} | -\frac34
\sqrt{x}\sqrt{y} | \sqrt{xy}
\frac{\sqrt{2}}{2} | \frac{1}{\sqrt{2}}
\frac{\sqrt{2}}{2} | \cos\frac{\pi}{4}
7 | $7$
7 | 7.0
7 | +7
7 | 7!/6!
7 | \textbf{7}
7 | 7;
-7 | - 7
a+b | b+a
\frac{a+b}{c} | \frac{a}{c}+\frac{b}{c}
\frac{a}{b+c} | a/(b+c)
abc | cba
\frac{1}{x^2} | x^{-2}
\arctan 1 | \frac{\pi}{4}
\tan^{-1} 1 | \frac{\pi}{4}
\cot x | \frac{1}{\tan x}
\sec^2 x | 1+\tan^2 x
\dfrac{10}{3} | 10/3
\frac{10}{3} | 3\dfrac{1}{3}
-\frac{b}{2a} | \frac{-b}{2a}
1.5 | 1\frac12
1.5 | 3/2
0.1 | 10^{-1}
\frac{25\pi}{4} | 6.25\pi
2x(x+1) | 2x^2+2x
2520 | 2.52\times10^3
\frac{3}{5} | 3 \over 5
\frac{3}{5} | \frac 3 5
\frac{3}{5} | \frac{3}5
\frac{3}{5} | \frac35
10^{50}+\sqrt{2} | \sqrt{2}+10^{50}
2^{1009}+x | x+2^{1009}
\frac{\pi}{2004!} | \frac{\pi}{2004\cdot2003!}
0 | \sin\pi
"""

WRONG = r"""
10^{50} | 10^{50}+\sqrt{2}
2^{1009} | 2^{1009}+x
\frac{\pi}{2004!} | \frac{\pi}{2006!}
10^{-50}x | 10^{-51}x
0 | 10^{-60}\pi
e^{\pi\sqrt{163}} | 262537412640768744
3^{100000}\pi | 3^{100000}\pi+1
\frac{1}{2} | \frac{1}{3}
\frac12 | 2
5 | -5
5 | 5e
5 | 5\pi
5 | 5x
5 | 5 5
5 | 5 half
5 | 5\frac12
5 | 5 \times
5 | 5+
5 | 5^2
5 | \sqrt{5}
5 | 5 to the power 2
5 | 5 cubed
5 | 5k
5 | 5M
5 | |5|-1
5 | 5/0
5 | -(-(-5))
5 | 5 \equiv 0
x | X
R | r
x^2 | x2
a/b | b/a
ab | a+b
\sin x | \cos x
\sin x | sin
2^{100} | 2^{101}
10^{16}+1 | 10^{16}
100! | 99!
\sqrt{2} | 1.414
\pi | 3.14
\pi | \frac{22}{7}
\frac13 | 0.333
1.23 | 1.2
1.23 | 1.24
1e-5 | 1e-6
1.000 | 1000
12.34 | 1234
x+1 | 1
x+1 | x
x+1 | x-1
\frac{x}{y} | \frac{y}{x}
a^{b^c} | (a^b)^c
-x^2 | (-x)^2
1/2x | 1/(2x)
\binom{5}{2} | \frac{5}{2}
n! | n
\frac{1}{2} | 1 \frac{1}{2}
4! | 4
12 | 12!
12 | 1.2\times 10^{2}
k\pi | k\pi/2
2\pi | 2\Pi
7 | \frac{7}{}
7 | 7 \to 8
7 | 7 \implies 8
7 | \lnot 7
7 | \cancel{7}
7 | \sout{7} 8
7 | 7a
7 | 7 d
B | b+1
B | A
-3 | 3
-3 | negative
-3 | |{-3}|
1\frac{1}{2} | \frac{1}{2}
1\frac{1}{2} | 11/2
2k\pi | 2\pi
12 | \frac{12}{0}
5\sqrt{2} | 5 sqrt 3
d | D
n!! | n!
"""


@pytest.mark.parametrize(("gold", "answer"), cases(RIGHT))
def test_right(gold: str, answer: str) -> None:
    assert outcome(gold, answer) == "correct"


@pytest.mark.parametrize(("gold", "answer"), cases(WRONG))
def test_wrong(gold: str, answer: str) -> None:
    assert outcome(gold, answer) in ("wrong", "unparseable")


def test_an_empty_sum_is_zero_and_an_empty_product_one() -> None:
    assert outcome("0", r"\sum_{k=5}^{1} k") == "correct"
    assert outcome("1", r"\prod_{k=5}^{1} k") == "correct"
    assert outcome("k", r"k+\sum_{k=5}^{1} k") == "correct"


def test_a_sum_may_end_at_a_whole_number_written_with_the_imaginary_unit() -> None:
    assert outcome("3", r"\sum_{k=1}^{2i^4} k") == "correct"
    assert outcome("3", r"\prod_{k=1}^{2i^4} k") == "wrong"
