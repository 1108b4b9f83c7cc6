"""Words: text answers, options, numbers in words, times of day, and words that change a value."""

from __future__ import annotations

import pytest
from support.graded import cases, outcome

RIGHT = r"""
\text{Tuesday} | Tuesday
\text{Tuesday} | \text{on Tuesday}
\text{(A)} | A
\text{(A)} | (A)
\text{(A)} | Option A
\text{(A)} | \text{A) } 5
\text{(A)} | \textbf{(A)}\ 3
A | \text{(A)}
(-\infty,1)\cup(2,\infty) | x<1 \text{ or } x>2
1,2 | 1 \text{ and } 2
1,2 | 1 \text{ or } 2
1,2 | x=1 \text{ or } x=2
5 | \text{five}
21 | \text{twenty-one}
105 | \text{one hundred and five}
\frac{2}{3} | \text{two thirds}
f(x)=x^2 | f(x)=x\cdot x
\lfloor n/2 \rfloor | \left\lfloor \frac{n}{2} \right\rfloor
\lfloor n/2 \rfloor | floor(n/2)
\text{no solution} | \text{No solutions}
\text{no solution} | no solution
\text{None} | none
\text{Yes} | yes
\text{True} | true
7 | \text{The answer is } 7
7 | \text{Answer: }7
7 | \text{Thus, } 7
7 | \text{ 7 }
10\text{ a.m.} | 10 AM
(1,2),(3,4) | (1,2) \text{ and } (3,4)
\Delta x | \Delta x
\text{Alice and Bob} | \text{Bob and Alice}
"""

WRONG = r"""
5 | 5 \text{ or } 5.1
5 | \text{at least 5}
5 | \text{approximately 5 or 6}
5 | \text{about } 50
5 | \text{five hundred}
5 | \text{fifth}
5 | \text{negative five}
5 | 5 \text{ p.m.}
\Delta x | \delta x
\text{even} | \text{odd}
\text{even} | \text{not even}
\text{yes} | \text{yes and no}
\text{Yes} | \text{No}
\text{Alice} | \text{Bob}
\text{(A)} | (B)
\text{(A)} | (A),(B)
\text{(A)} | A or B
\text{(A)} | AB
10\text{ a.m.} | 10\text{ p.m.}
\infty | \text{undefined}
0 | \text{none}
\text{no solution} | \text{one solution}
\text{no solution} | 0
x+1 | \text{anything}
\lfloor x \rfloor | \lceil x \rceil
\text{June 5} | \text{June 6}
\text{June 5} | \text{July 5}
\text{first} | \text{second}
x=1 \text{ or } x=2 | x=1 \text{ and } x=3
\text{Monday} | \text{Sunday}
7 | 7 \text{ plus or minus } 1
7 | 7 less than x
7 | 7 \text{ hundredths}
7 | \text{seven or eight}
7 | 7\text{ is wrong}
7 | \text{not 7}
7 | \text{I don't know, maybe 7}
7 | 7\text{i}
10:30\text{ p.m.} | 10:31
10:30\text{ p.m.} | 10:30 am
\text{ellipse} | \text{not an ellipse}
\text{June 20} | 20 July
12 | 12\ \text{approximately } 13
12 | 12 \text{ (mod 13)}
\text{R} | r
\partial f/\partial x | f/x
"""


@pytest.mark.parametrize(("gold", "answer"), cases(RIGHT))
def test_right(gold: str, answer: str) -> None:
    assert outcome(gold, answer) == "correct"


@pytest.mark.parametrize(("gold", "answer"), cases(WRONG))
def test_wrong(gold: str, answer: str) -> None:
    assert outcome(gold, answer) in ("wrong", "unparseable")
