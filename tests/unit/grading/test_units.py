"""Units: dropped where the gold has none, compared where it has one, never a word that counts."""

from __future__ import annotations

import pytest
from support.graded import cases, outcome

RIGHT = r"""
5\text{ cm} | 5
5 | 5\text{ cm}
5 | 5\,\mathrm{cm}
5 | 5~\text{cm}^2
5 | 5 square units
5 | 5 \text{ sq. cm}
5\text{ cm} | 50\text{ mm}
5\text{ cm} | 0.05\text{ m}
60\text{ mph} | 60 \text{ miles per hour}
60 | 60 \text{ miles/hour}
9.8\text{ m/s}^2 | 9.8 \frac{\text{m}}{\text{s}^2}
9.8\text{ m/s}^2 | 9.8\ \mathrm{m\cdot s^{-2}}
9.8\text{ m/s}^2 | 9.8\ \mathrm{m\,s^{-2}}
50\% | 0.5
50\% | \frac12
50\% | 50 \text{ percent}
\$5 | 5
\$5 | 5 \text{ dollars}
\$5 | \$5.00
\frac{\pi}{6} | 30^\circ
30^\circ | 30
30^\circ | 30 \text{ degrees}
\frac{\sqrt{2}}{2} | \sin 45^\circ
7 | 7\text{ (units)}
7 | 7\text{ students}
7 | 7 \text{ apples}
\text{1 hour 30 minutes} | \text{1 hour 30 minutes}
v_{\text{max}} | v_{max}
v_{\max} | v_{\text{max}}
25\pi | 25 \pi \text{ square units}
100 | 100\%
"""

WRONG = r"""
5 | 5\%5
5 | 5 \text{ times}
5 | 5 \text{ squared}
5 | 5\text{ dozen}
5 | 5\text{ thousand}
5 | \text{more than 5}
5 | \text{minus five}
5 | 5\text{ mod }7
\sin(30) | \sin 30^\circ
\Gamma | \gamma
50\% | 5\%
50\% | 0.05
0.5 | 5\%
\$5 | \$50
5\text{ cm} | 5\text{ m}
5\text{ cm} | 5\text{ cm}^2
5\text{ cm} | 5\text{ kg}
5\text{ cm}^2 | 5\text{ cm}^3
10\text{ km/h} | 10\text{ m/s}
30^\circ | 30\text{ rad}
30^\circ | \sin 30^\circ
7 | 7\text{ minus }1
1 \text{ hour} | 1\text{ minute}
1 \text{ hour} | 60\text{ seconds}
100^\circ\text{C} | 100^\circ\text{F}
\cos 20^\circ | \cos 20
3\text{ mg} | 3 \text{ g}
mg | gm^2
mg | Mg
\text{ellipse} | \text{circle}
\text{ellipse} | \text{ellipse or circle}
12 | 12^\circ \text{ off}
12 | 12 \% \text{ more}
"""


@pytest.mark.parametrize(("gold", "answer"), cases(RIGHT))
def test_right(gold: str, answer: str) -> None:
    assert outcome(gold, answer) == "correct"


@pytest.mark.parametrize(("gold", "answer"), cases(WRONG))
def test_wrong(gold: str, answer: str) -> None:
    assert outcome(gold, answer) in ("wrong", "unparseable")
