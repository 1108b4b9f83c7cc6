"""One answer in the spellings that models and data sets use, and near misses of them."""

from __future__ import annotations

import pytest
from support.graded import cases, outcome

RIGHT = r"""
\frac{1}{3} | 0.\overline{33}
\frac{1}{3} | 0.333\overline{3}
\frac{1}{3} | 0.3333...
\frac{1}{3} | 0.\bar{3}
\frac{1}{7} | 0.\overline{142857}
\frac{1}{7} | 0.\dot{1}4285\dot{7}
\frac{1}{7} | 0.142857142857...
0.\overline{3} | \frac{1}{3}
0.1\overline{23} | \frac{61}{495}
2.\overline{7} | \frac{25}{9}
\$1.50 | \$1.5
\$1.50 | 1.50 \text{ dollars}
\$1{,}250 | 1250
1250 | \$1,250.00
1250 | 1,250 dollars
1250 | ¥1250
1250 | ₹1250
1250 | £1,250
1250 | \pounds 1250
12 | \text{a dozen}
1000000 | \text{one million}
1500000 | 1.5 million
1500000 | 1.5 \times 10^6
25 | \text{twenty five}
25 | twenty-five
0 | \text{zero}
0 | zero
\frac{1}{2} | \text{half}
\frac{1}{2} | \text{one half}
\frac{3}{4} | \text{three quarters}
\frac{3}{4} | three-fourths
-5 | \text{negative five}
7 | seven
7 | Seven
7 | \text{Seven students}
A | \text{A}
A | A.
C | (C)
C | C)
C | \textbf{(C)}
C | \mathrm{(C)}
C | \text{Option C}
C | \text{C. 15}
C | \mathbf{(C)\ }15
\text{(D)} | \boxed{D}
\text{(D)}\ 7 | D
\text{(D)}\ 7 | \text{(D)}
\text{True} | True
\text{False} | \text{false}
\text{False} | \textbf{False}
\text{Yes} | \text{Yes.}
\text{even} | even
\text{neither} | Neither
\text{Alice} | \text{alice}
\text{Monday} | \textit{Monday}
\text{point } A | \text{Point } A
\text{A and B} | \text{A, B}
f(x)=2x | f(x) = 2x \text{ for all } x
f(x) = x+1 | f(n) = n+1
f(x) = x+1 | x+1
f(x)=0, f(x)=x | f(x)=x \text{ or } f(x)=0
f(x)=0, f(x)=x | f(x)\equiv 0 \text{ and } f(x)=x
x^3-3x+1 | x^3 - 3 x + 1
a^2+b^2 | b^{2}+a^{2}
n=2k+1 | 2k+1
(2,3) | \left( 2 , 3 \right)
(2,3) | (2;3)
(2,3) | (x, y) = (2, 3)
(2,3) | x = 2, y = 3
(2,3) | \{x=2, y=3\}
(2,3) | \begin{cases} x=2 \\ y=3 \end{cases}
(2,3) | \boldsymbol{(2,3)}
(1,2),(2,1) | (2,1) \text{ or } (1,2)
(1,2),(2,1) | \{(1,2),(2,1)\}
(1,2),(2,1) | (x,y)=(1,2),(2,1)
(1,2),(2,1) | (x,y) \in \{(1,2),(2,1)\}
1, 2, 3 | 1; 2; 3
1, 2, 3 | 1, 2 and 3
1, 2, 3 | 1, 2, and 3
1,2,3 | x = 1, 2, 3
1,2,3 | x \in \{1,2,3\}
1,2,3 | \{3,2,1\}
1,2 | x=1 \lor x=2
1,2 | x_1 = 2, x_2 = 1
-1, 3 | x=-1, x=3
[0,\infty) | x\ge 0
[0,\infty) | \{x|x\ge0\}
[0,\infty) | \mathbb{R}_{\ge 0}
(0,\infty) | x>0
(0,\infty) | \mathbb{R}^+
(-\infty,-1)\cup(-1,\infty) | x\ne -1
(-\infty,-1)\cup(-1,1)\cup(1,\infty) | x\ne\pm 1
(-\infty,-1)\cup(-1,1)\cup(1,\infty) | \mathbb{R}\setminus\{-1,1\}
(-\infty,-2]\cup[2,\infty) | |x|\ge2
(-2,2) | |x|<2
(-2,2) | -2<x<2
(-2,2) | x^2<4
(-2,2) | 2>x>-2
(-2,2) | x>-2 \text{ and } x<2
(-2,2) | x \in (-2, 2)
[-1,1] | -1\leqslant x\leqslant 1
[2,5) | 2\le x<5
(0,1)\cup(1,2) | 0<x<2, x\ne1
x>2 | (2,\infty)
x>2 | x\in(2,+\infty)
a>b | b<a
x\ge 3 | x\geq3
x\ge 3 | 3\le x
-3 | -3.0
-\frac{1}{2} | -\frac12
-\frac{1}{2} | -1/2
-\frac{1}{2} | \frac{1}{-2}
-\frac{1}{2} | -0.5
3.14 | 3.140
1/4 | 0.25
1/4 | 25\%
\frac{22}{7} | 3\tfrac{1}{7}
5\frac{3}{4} | \frac{23}{4}
5\frac{3}{4} | 5.75
5\frac{3}{4} | 5 3/4
5\frac{3}{4} | 5\ \frac{3}{4}
5\frac{3}{4} | 5+\frac34
1+\frac{1}{2} | \frac{3}{2}
\sqrt{3}/2 | \frac{\sqrt{3}}{2}
\frac{\sqrt3}{2} | \frac{1}{2}\sqrt{3}
\frac{\sqrt3}{2} | \sqrt{\frac{3}{4}}
\sqrt{2}+\sqrt{3} | \sqrt{5+2\sqrt{6}}
2\sqrt[3]{2} | \sqrt[3]{16}
\frac{1+\sqrt5}{2} | \frac{\sqrt5+1}{2}
\frac{1+\sqrt5}{2} | 0.5+0.5\sqrt5
e | \exp(1)
e^2 | \exp 2
e^{2x} | (e^x)^2
\pi^2/6 | \frac{\pi^2}{6}
\ln 2 | \log 2
\ln 2 | \log_e(2)
2\ln 3 | \ln 9
\log_3 9 | 2
\sin^2\theta | 1-\cos^2\theta
\sin(2x) | 2\sin x\cos x
\sin 2x | \sin(2x)
\tan 45^\circ | 1
\cos 60^\circ | \frac12
\arcsin\frac12 | \frac{\pi}{6}
\binom{n}{2} | \frac{n(n-1)}{2}
{n \choose 2} | \binom{n}{2}
C_5^2 | C_5^2
n! | n\cdot(n-1)!
\frac{n!}{(n-2)!} | n(n-1)
2^n-1 | -1+2^n
\frac{x^2-1}{x-1} | x+1
|x-1| | |1-x|
\lceil 2.5\rceil | 3
\lfloor \pi \rfloor | 3
\gcd(12,18) | 6
3+4i | 3 + 4\mathrm{i}
3+4i | 4\mathrm{i}+3
5(\cos\theta + i\sin\theta) | 5e^{i\theta}
2e^{i\pi/3} | 1+\sqrt{3}i
-i | \frac{1}{i}
i | e^{i\pi/2}
1+i | \sqrt{2}e^{i\pi/4}
i^{3} | -i
\frac{1}{2}i | \frac{i}{2}
0.5i | \frac{i}{2}
\begin{pmatrix}1&0\\0&1\end{pmatrix} | \begin{bmatrix}1&0\\0&1\end{bmatrix}
\begin{pmatrix}1&0\\0&1\end{pmatrix} | \left[\begin{matrix}1&0\\0&1\end{matrix}\right]
\begin{pmatrix}1&0\\0&1\end{pmatrix} | \begin{pmatrix} 1 & 0 \\ 0 & 1 \\ \end{pmatrix}
\begin{pmatrix}1\\2\\3\end{pmatrix} | (1,2,3)
\begin{pmatrix}1\\2\\3\end{pmatrix} | [1,2,3]
\begin{pmatrix}1\\2\\3\end{pmatrix} | \langle 1,2,3\rangle
\begin{pmatrix}1&2\\3&4\end{pmatrix} | [[1,2],[3,4]]
\frac{1}{2}\begin{pmatrix}1\\2\end{pmatrix} | \begin{pmatrix}1/2\\1\end{pmatrix}
(1,2,3) | \begin{pmatrix}1\\2\\3\end{pmatrix}
10101_2 | 10101_{2}
10101_2 | 10101_{\text{two}}
10101_2 | (10101)_2
10101_2 | 10101
10101_2 | 10101_{(2)}
10101_2 | \text{10101}_2
A3_{16} | A3_{16}
3:00 | 3:00
3:00\text{ p.m.} | 3 p.m.
3:00\text{ p.m.} | 15:00
9\text{ a.m.} | 9:00 AM
1:2:3 | 1 : 2 : 3
1:2:3 | 2:4:6
3.0\times 10^8 | 3\times 10^8
3\times10^8 | 300000000
3\times10^8 | 3e8
3\times10^8 | 3 \cdot 10^8
3\times10^8 | 3E8
3\times10^8 | 3*10^8
3\times10^8 | 3*10**8
6.67\times10^{-11} | 6.67e-11
6.67\times10^{-11} | 6.67 \times 10^{-11}\ \text{N m}^2/\text{kg}^2
1.0\times10^{-3} | 0.001
12 | \mathbf{\textcolor{blue}{12}}
12 | \fcolorbox{red}{white}{12}
12 | \colorbox{yellow}{12}
12 | \bf 12
12 | \rm 12
12 | \emph{12}
12 | \textsf{12}
12 | \mathsf{12}
12 | \mathtt{12}
12 | \scriptstyle 12
12 | \hphantom{0}12
12 | 12~
12 | 12\!
12 | 12\,.
12 | \{ 12 \}
12 | \ 12
12 | \lbrace 12 \rbrace
12 | \text{Ans: } 12
12 | \text{answer} = 12
12 | \text{Total} = 12
12 | \text{Total: } 12
12 | \therefore 12
12 | \Rightarrow 12
12 | \implies 12
12 | \text{Hence } x=12
12 | x=\boxed{12}
12 | <strong>12</strong>
12 | <span style="color:red">12</span>
12 | __12__
12 | `12`
12 | ``12''
12 | "12"
12 | \textquotedblleft 12\textquotedblright
12 | 12​
12 | ‎12
12 | ١٢
12 | 12 （个）
12 | 12 \text{ 个}
12 | 12 см
12 | \text{Ответ: } 12
12 | \text{答案是}12
\frac{\pi}{4}+k\pi | \frac{\pi}{4}+n\pi, n\in\mathbb{Z}
x=\frac{\pi}{4}+k\pi, k\in\mathbb{Z} | x=\frac{\pi}{4}+n\pi \text{ where } n \text{ is an integer}
x=\frac{\pi}{4}+k\pi, k\in\mathbb{Z} | x = k\pi+\frac{\pi}{4}, k \in \mathbb{Z}
2k, k \in \mathbb{Z} | 2n \text{ for any integer } n
\emptyset | \text{no solution}
\emptyset | \text{No real solutions}
\text{undefined} | \text{does not exist}
10:30\text{ p.m.} | 10:30
10:30\text{ p.m.} | 22:30
10:30\text{ p.m.} | 10:30 PM
7 | \text{Therefore } 7
7 | \text{So the answer is } 7
7 | \text{The answer is: } 7
7 | Final Answer: 7
\text{even} | \text{it is even}
x^2 | \text{The answer is } x^2
x+1 | Answer: x+1
100 | USD 100
100 | €100
100 | 100 EUR
100 | \text{Rs. }100
(0,1) | ]0,1[
\frac{1}{3} | 1 : 3
2x | 2 \cdot x
2x | 2*x
2x | x+x
\frac{2}{\sqrt{3}} | \frac{2\sqrt{3}}{3}
3.2\times10^{-5} | 0.000032
a=1,b=2 | b=2,a=1
a=1,b=2 | a=1 \text{ and } b=2
a=1,b=2 | (a,b)=(1,2)
(a,b)=(1,2) | a=1,b=2
\{2,3\} | x\in\{2,3\}
x\in\{2,3\} | x=2 \text{ or } x=3
12 | \boldsymbol{\color{red}{12}}
12 | {\color{blue}12}
12 | \mathrm{12}
12 | \text{12 units}
12 | \textcolor{red}{\textbf{12}}
12 | \Huge{12}
12 | $\mathbf{12}$
12 | **12** 
12 | 12 ✅
12 | ✓ 12
12 | “12”
12 | '12'
12 | 12 \\
12 | 12\;
12 | 12.
12 | \left(12\right)
12 | \left[12\right]
12 | \{12\}
12 | \;12\;
12 | <b>12</b>
12 | &nbsp;12
12 | \hspace{1cm}12
12 | \approx 12
12 | = 12
12 | x \approx 12
-3 | negative 3
-3 | \text{minus three}
-\frac{1}{2} | -.5
\frac{-1}{2} | -\frac{1}{2}
1\frac{1}{2} | \frac{3}{2}
1\frac{1}{2} | 1 + 1/2
1\frac{1}{2} | 1 and 1/2
x=2 | 2=x
x\leq 2 | 2\geq x
5\sqrt{2} | 5√2
5\sqrt{2} | 5 sqrt(2)
5\sqrt{2} | 5*sqrt(2)
5\sqrt{2} | \sqrt{50}
i\sqrt{3} | \sqrt{3}i
i\sqrt{3} | \sqrt{-3}
\cos 20^\circ | \sin 70^{\circ}
\cos 20^\circ | \cos\frac{\pi}{9}
45^\circ | \frac{\pi}{4} \text{ rad}
1 \text{ hour} | 60 \text{ minutes}
0.5\text{ hours} | 30 \text{ min}
2 \text{ kg} | 2000 \text{ g}
100^\circ\text{C} | 212^\circ\text{F}
3\text{ mg} | 3mg
3\text{ mg} | 3 mg
3\text{ mg} | 0.003 g
mg\sin\theta | mg \sin\theta
\frac{3}{2}mg | 1.5mg
5N | 5N
x+y=3 | y+x=3
x+y=3 | 3 = x+y
\log_{10}2 | \lg 2
\sum_{k=1}^{n} k | \frac{n(n+1)}{2}
\sum_{i=1}^{n} i^2 | \frac{n(n+1)(2n+1)}{6}
\int_0^1 f(x)\,dx | \int_{0}^{1} f(x) dx
\det A | \det(A)
\gcd(a,b) | \gcd(b,a)
\max(a,b) | \max\{a,b\}
a \bmod b | a \bmod b
7 \pmod{11} | 7 \pmod{11}
x \equiv 3 \pmod 7 | x\equiv 3\pmod{7}
\frac{1}{2}\ln\frac{3}{2} | \frac12 \ln 1.5
\frac{1}{2}\ln\frac{3}{2} | \ln\sqrt{1.5}
(x-1)(x-2) | (x-2)(x-1)
x^{2}-3x+2 | (x-1)(x-2)
2\cos^2\theta-1 | \cos 2\theta
\text{(B)} | B. 42
\text{(B)} | \text{B}
B | \boxed{B}
B | (B)
B | \text{B: the cat}
\text{ellipse} | \text{Ellipse}
\text{ellipse} | \textit{ellipse}
\text{ellipses} | \text{ellipse}
"""

WRONG = r"""
12 | \text{Not: } 12
12 | \text{At least: } 12
12 | \text{Total: } 13
12 | \text{Total: } 12 \text{ or } 13
12 | \text{about a dozen}
12 | \text{a hundred}
(0,\infty) | \mathbb{R}^-
(0,\infty) | \mathbb{R}_{\ge 0}
(0,\infty) | \mathbb{R}
\begin{pmatrix}1/2\\1\end{pmatrix} | 2\begin{pmatrix}1\\2\end{pmatrix}
\begin{pmatrix}1&2\\3&4\end{pmatrix} | [[1,3],[2,4]]
f(x)=2x | f(x)=2x \text{ for all } y, f(x)=3
(-\infty,-1)\cup(-1,\infty) | x\ne\pm 1
(-2,2) | x^2\le4
(-2,2) | x^2>4
\frac{3}{4} | three-fifths
C | \text{Option D}
C | \text{Option C or D}
12 | ~~12~~
f(x)=0, f(x)=x | f(x)\equiv 1 \text{ and } f(x)=x
"""


@pytest.mark.parametrize(("gold", "answer"), cases(RIGHT))
def test_right(gold: str, answer: str) -> None:
    assert outcome(gold, answer) == "correct"


@pytest.mark.parametrize(("gold", "answer"), cases(WRONG))
def test_wrong(gold: str, answer: str) -> None:
    assert outcome(gold, answer) in ("wrong", "unparseable")
