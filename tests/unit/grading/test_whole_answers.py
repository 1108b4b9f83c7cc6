"""Whole answers: lists, tuples, intervals, sets, named values, relations, ratios, cases."""

from __future__ import annotations

import pytest
from support.graded import cases, outcome

RIGHT = r"""
1,000,000 | 10^6
x=3 | 3
3 | x=3
3 | x = 3.
(1,2) | (x,y)=(1,2)
(1,2) | x=1,\ y=2
x\in(1,2) | (1,2)
x\in(1,2) | 1<x<2
(1,2) | ]1,2[
[1,\infty) | x\ge1
[1,\infty) | x \geqslant 1
[1,\infty) | [1,+\infty[
(-\infty,1)\cup(2,\infty) | x<1, x>2
(-\infty,\infty) | \mathbb{R}
\mathbb{R} | (-\infty,\infty)
(1,5) | \{x \mid 1<x<5\}
(1,5) | 5 > x > 1
\{1,2\} | 2,1
1,2 | x=1,2
\pm 2 | 2, -2
\pm\sqrt{2} | \sqrt2,-\sqrt2
x=\pm 2 | \pm 2
\begin{pmatrix}1\\2\end{pmatrix} | (1,2)
\begin{pmatrix}1\\2\end{pmatrix} | \begin{bmatrix}1\\2\end{bmatrix}
\begin{pmatrix}1\\2\end{pmatrix} | \langle 1,2\rangle
\begin{pmatrix}1&2\end{pmatrix} | \left(\begin{array}{cc}1 & 2\end{array}\right)
y=2x+1 | 2x+1
y=2x+1 | y-2x-1=0
y=2x+1 | 2x-y+1=0
f(x)=x^2 | x^2
f(x)=x^2 | f(t)=t^2
3x+4y=5 | 4y+3x=5
3x+4y=5 | 6x+8y=10
x^2+y^2=1 | x^2+y^2-1=0
2:3 | 2 : 3
2:3 | \frac23
10:30 | 10{:}30
\emptyset | \varnothing
\begin{cases} x & x>0 \\ -x & x\le 0\end{cases} | \begin{cases} -x&\text{if }x\le 0\\ x&x>0\end{cases}
\begin{cases} x=1 \\ y=2 \end{cases} | x=1, y=2
x=1,y=2 | \begin{cases} x=1 \\ y=2 \end{cases}
\infty | +\infty
\sqrt[3]{2} | 2^{\frac13}
\sqrt[3]{-8} | -2
7 | n = 7
7 | \,7\,
3{,}14 | 3.14
1\,234\,567 | 1234567
1{,}234{,}567 | 1,234,567
x>1 | 1<x
x \neq 2 | x\ne 2
x\ne 2, x\ne 3 | x\ne 3, x \ne 2
\{(1,2),(3,4)\} | (3,4),(1,2)
(\frac12,3) | (0.5, 3)
(2+\sqrt3, 1) | (\sqrt3+2,1)
\left(-\infty,\frac12\right] | x \le 0.5
[0,1] | 0\leq x\leq 1
[0,1] | \{ x \in \mathbb{R} \mid 0 \le x \le 1 \}
\mathbb{R}\setminus\{0\} | x\neq 0
(-\infty,0)\cup(0,\infty) | \mathbb{R} - \{0\}
\frac{-b\pm\sqrt{b^2-4ac}}{2a} | -\frac{b}{2a}\pm\frac{\sqrt{b^2-4ac}}{2a}
2520 | 2{,}520
(2,-3) | (2, -3)
"""

WRONG = r"""
5 | 5,5
5 | \{5,6\}
5 | (5,6)
5 | [5]6
5 | 5 and a half
5 | \ge 5
5 | >5
5 | x\ge 5
5 | 5\pm1
5 | \pm5
5 | 5:1
5 | 5 \pmod 7
5 | 5 \ne 6
5 | 5 < 6
5 | 4=5
5 | 5=4
5 | 2+2=5
5 | x=4=5
5 | x=5, y=6
(1,2) | (2,1)
(1,2) | [1,2]
(1,2) | (1,2]
(1,2) | (1,2,3)
[1,2] | 1<x<2
[1,2] | \{1,2\}
(1,2) | 1.2
1,2 | 1,2,3
1,2 | 1
1,2 | 12
1,2 | (2,1)
x=1,y=2 | x=2,y=1
x=1,y=2 | 2,1
x=1 | y=1
x>1 | x<1
x>1 | x\ge1
x>1 | y>1
(-\infty,1)\cup(2,\infty) | (1,2)
(-\infty,1)\cup(2,\infty) | 1<x<2
\{1,2,3\} | \{1,2,4\}
\pm2 | 2
\pm 2 | \pm 3
10:30 | 10:03
2:3 | 3:2
2:3 | 2:3:4
\begin{pmatrix}1&2\\3&4\end{pmatrix} | \begin{pmatrix}1&3\\2&4\end{pmatrix}
\begin{pmatrix}1&2\\3&4\end{pmatrix} | 1,2,3,4
\begin{pmatrix}1&2\end{pmatrix} | \begin{pmatrix}1\\2\end{pmatrix}
y=2x+1 | y=2x-1
f(x)=x^2 | f(x)=x
f(x)=x^2 | g(x)=x^3
3x+4y=5 | 3x+4y=6
3x+4y=5 | 5
x^2+y^2=1 | 1
1000 | 1,00
2.5 | 2,5
\infty | -\infty
0 | \emptyset
0 | \{\}
\emptyset | 0
\begin{cases} x & x>0 \\ -x & x\le 0\end{cases} | \begin{cases} x & x<0 \\ -x & x\ge 0\end{cases}
(\frac12,3) | (\frac12,\frac13)
x \in \{1,2\} | x \in [1,2]
2n+1 | 2n+1, n\in\mathbb{Z}, n>7
7 | 7 or 8
7 | 7 \cup 8
7 | \{7\} \cup \{8\}
\frac{\pi}{4}+k\pi | \frac{\pi}{4}+2k\pi, k\in\mathbb{Z}
2k, k \in \mathbb{Z} | 2k+1, k \in \mathbb{Z}
x=k\pi | x=\pi
\emptyset | \{0\}
x+y=3 | x+y=4
x+y=3 | xy=3
x \equiv 3 \pmod 7 | x\equiv 4\pmod{7}
7 \pmod{11} | 8 \pmod{11}
x\leq 2 | x \leq -2
a=1,b=2 | a=2,b=1
a=1,b=2 | b=1,a=2
a=1,b=2 | a=1
12 | [12, 13]
12 | \{12, 12.5\}
\mathbb{R} | R
"""


@pytest.mark.parametrize(("gold", "answer"), cases(RIGHT))
def test_right(gold: str, answer: str) -> None:
    assert outcome(gold, answer) == "correct"


@pytest.mark.parametrize(("gold", "answer"), cases(WRONG))
def test_wrong(gold: str, answer: str) -> None:
    assert outcome(gold, answer) in ("wrong", "unparseable")
