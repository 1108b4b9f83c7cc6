r"""Conventions of the grader, case by case: what is boxed, what equals what, what does not.

The traps of math-verify are cases both ways: each pair below that it gets wrong when
asked plainly stands next to the one it gets right.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampo.grading import Grade, grade_many, grade_record, last_boxed
from tampo.grading.comparing.comparison import answers_agree
from tampo.grading.notation.tree import NotUnderstood
from tampo.grading.verdict import Rule, Undecided, undecided


def outcome(gold: str, answer: str, **record) -> str:
    return grade_record(
        f"Hence \\boxed{{{answer}}}.", {"id": "t", "answer": [gold], **record}
    ).outcome


# --- The box -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (r"so $\boxed{5}$.", "5"),
        (r"\boxed{1} no, \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{1} and \boxed{2", "1"),
        (r"\boxed{1 then \boxed{2}", "2"),
        (r"\boxed{a = \boxed{5}}", "5"),
        (r"\boxed {7}", "7"),
        (r"\boxed{ 7 }", "7"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{a \\}", r"a \\"),
        (r"\boxed{}", ""),
        (r"stray } and { before \boxed{5}", "5"),
        (r"\fbox{5}", None),
        (r"\boxed 5", None),
        (r"\boxed{5", None),
        ("5", None),
        ("", None),
    ],
)
def test_last_complete_box(response: str, expected: str | None) -> None:
    assert last_boxed(response) == expected


@given(st.text(), st.text(alphabet="ab {}\\\\ 12"), st.text(alphabet="ab 12"))
def test_a_simple_box_at_the_end_is_found_after_any_prose(before, middle, content) -> None:
    assert last_boxed(f"{before}.{middle} \\boxed{{{content}}}") in {content.strip()}


# --- Outcomes ------------------------------------------------------------------------------------


def test_nothing_boxed_is_unparseable() -> None:
    assert grade_record("It is 5.", {"id": "t", "answer": ["5"]}) == Grade(
        "unparseable", None, "no box"
    )
    assert grade_record("\\boxed{}", {"id": "t", "answer": ["5"]}) == Grade(
        "unparseable", "", "an empty box"
    )


def test_extracted_is_the_box_as_written() -> None:
    assert grade_record("\\boxed{ x = 5 }", {"id": "t", "answer": ["5"]}) == Grade(
        "correct", "x = 5", "same structure, value of x"
    )


def test_exact_answers_are_strings_not_mathematics() -> None:
    exact = {"answer_type": "exact"}
    assert outcome("A12", " A12 ", **exact) == "correct"
    assert outcome(" A12", "A12", **exact) == "correct"
    assert outcome("A12", "a12", **exact) == "wrong"
    assert outcome("0.5", "1/2", **exact) == "wrong"


def test_any_of_several_golds_is_accepted() -> None:
    record = {"id": "t", "answer": ["5", "\\sqrt{2}"]}
    pairs = [(f"\\boxed{{{answer}}}", record) for answer in ("5", "\\sqrt{2}", "2^{1/2}", "3")]
    assert [graded.outcome for graded in grade_many(pairs)] == ["correct"] * 3 + ["wrong"]


@pytest.mark.parametrize("answer", [None, [], "5", [5]])
def test_a_record_without_golds_is_named(answer) -> None:
    with pytest.raises(ValueError, match="record 'p7': answer is"):
        grade_record("\\boxed{5}", {"id": "p7", "answer": answer})


def test_a_malformed_tolerance_is_named() -> None:
    with pytest.raises(ValueError, match="record 't': tolerance is 'some'"):
        outcome("5", "6", tolerance="some")


def test_grade_many_keeps_the_order_with_several_workers() -> None:
    record = {"id": "t", "answer": ["x^2-1"]}
    answers = ["(x-1)(x+1)", "x^2", "x^2-1", "-1+x^2"] * 3
    pairs = [(f"\\boxed{{{answer}}}", record) for answer in answers]
    expected = ["correct", "wrong", "correct", "correct"] * 3
    assert [graded.outcome for graded in grade_many(pairs, workers=2)] == expected
    assert [graded.outcome for graded in grade_many(pairs)] == expected


# --- Mathematics ---------------------------------------------------------------------------------

EQUAL = r"""
4.5e33      | 4.5 \times 10^{33}
4.5e33      | 4.53 \cdot 10^{33} \text{ erg/s}
4.5e33      | 4.5 \times 10^{33} \mathrm{~erg} / \mathrm{s}
3.3e-10     | 3.3\times 10^{-10}\,\text{m}
np.arcsin(10/13) | \arcsin\left(\frac{10}{13}\right)
-1./3       | -\frac{1}{3}
\$18.90     | 18.9
15\,000     | 15000
15000       | 15\,000
15000       | 15{,}000
221,000     | 221000
11,\! 111,\! 111,\! 100 | 11111111100
12.5\%      | 12.5
12.5\%      | 0.125
12.5\%      | \frac{1}{8}
25          | 25\%
90^\circ    | 90
90^\circ    | 90\text{ degrees}
52_8        | 52_{8}
52_8        | 52
5           | x = 5
x=5         | 5
204         | m+n = 204
204         | {204}
204         | \text{204}
204         | $204$.
(2,\infty)  | x > 2
x \in [-2,7] | -2 \le x \le 7
(-\infty, 2) \cup (3, \infty) | (3,\infty)\cup(-\infty,2)
\left( 3, \frac{\pi}{2} \right) | (3, \pi/2)
1 \pm \sqrt{19} | 1+\sqrt{19}, 1-\sqrt{19}
\{1\pm\sqrt{5},-2\} | -2, 1-\sqrt5, 1+\sqrt5
3, 5, 7     | 7, 3 \text{ and } 5
-2,1        | x=1 \text{ or } x=-2
\text{Evelyn} | Evelyn
\text{(C)}  | \textbf{(C)}
\text{(C)}  | C
15\mbox{ cm}^2 | 15
864 \mbox{ inches}^2 | 864\text{ square inches}
18          | 18 eggs per day
\frac{270}7\text{ degrees} | \frac{270}{7}
1\frac{4}{5} | 1.8
\begin{pmatrix} -1/3 \\ 2/3 \end{pmatrix} | \begin{bmatrix} -\frac13 \\ \frac23 \end{bmatrix}
5x - 7y + 4 = 0 | -5x+7y-4=0
y = 2x      | 2y = 4x
x > 5       | 2x > 10
x > 5       | -5 > -x
\frac{dM}{dt}=2 M^{6} | \frac{dM}{dt} = 2M^6
y = 2x + 3  | 3+2x
6-5i        | -5i+6
2^{1009}    | 2 \cdot 4^{504}
\frac{100!}{2^{50}} | 100! \cdot 2^{-50}
\frac{1}{2 n+2} | \frac{1}{2(n+1)}
E_{1},E_{2} | E_2, E_1
2 E_{1}     | E_1 + E_1
\ln 2 + i\pi / 3 | \frac{\pi i}{3}+\ln(2)
0.5613      | \frac{9}{16.035}
1.6         | 1.62
"""

DIFFERENT = r"""
4.5e33      | 4.5e32
4.5e33      | 4.5
4.5e33      | 9e33
3.3e-10     | 0
0           | 3.3e-10
3.3e-10     | 3.3e-9
np.arcsin(10/13) | \arcsin(10/12)
-1./3       | \frac13
-1./3       | -0.33
\$18.90     | 18.80
15\,000     | 15
15000       | 15.000
221,000     | 221
12.5\%      | 1.25\%
12.5\%      | 125
90^\circ    | \frac{\pi}{2}
52_8        | 52_9
52_8        | 42
x=5         | y=5
x=5         | -5
2021        | \pm 2021
1:00        | 12:00
12:00       | 1:00
18          | 18 or 19
1,3         | 13
(2,\infty)  | [2,\infty)
(2,\infty)  | x < 2
(2,\infty)  | (2,3)
(2,3)       | (2,\infty)
(-\infty, 2) \cup (3, \infty) | (-\infty,3)\cup(3,\infty)
\left( 3, \frac{\pi}{2} \right) | (\pi/2, 3)
1 \pm \sqrt{19} | 1+\sqrt{19}
3, 5, 7     | 3, 5
3, 5, 7     | 3, 5, 7, 9
3, 5, 7     | 3, 5, 5
\text{even} | \text{neve}
\text{(C)}  | (B)
15\mbox{ cm}^2 | 16 \text{ cm}^2
\begin{pmatrix} 1 \\ 2 \end{pmatrix} | \begin{pmatrix} 2 \\ 1 \end{pmatrix}
\begin{pmatrix} 1 \\ 2 \end{pmatrix} | \begin{pmatrix} 1 & 2 \end{pmatrix}
y = 2x + 3  | y = 2x - 3
x > 5       | -x > -5
x > 5       | x \ge 5
\frac{dM}{dt}=2 M^{6} | \frac{dM}{dt}=3 M^6
x^5+x = y   | x^5+x = z
6-5i        | 6+5i
2^{1009}    | 5.486124068793689e303
\frac{100!}{2^{50}} | \frac{99!}{2^{50}}
\sqrt{51}   | 7.14
\frac13     | 0.333
\frac{1}{2 n+2} | \frac{1}{2n+1}
E_{1},E_{2} | E_1, E_1
k \geqslant 2 | k > 2
326.5       | 327
1.6         | 1.66
1.6         | 2
0.5613      | 0.56
5           | \frac{5}{0}
\frac{\pi^{2}-9}{9} | \frac{\pi^{2}-9}{0}
\frac{1}{2 n+2} | \frac{1}{0}
"""


def cases(table: str) -> list[tuple[str, str]]:
    return [
        tuple(part.strip() for part in line.split(" | ")) for line in table.strip().splitlines()
    ]


@pytest.mark.parametrize(("gold", "answer"), cases(EQUAL))
def test_equal_answers(gold: str, answer: str) -> None:
    assert outcome(gold, answer) == "correct"


@pytest.mark.parametrize(("gold", "answer"), cases(DIFFERENT))
def test_different_answers(gold: str, answer: str) -> None:
    assert outcome(gold, answer) == "wrong"


def test_an_answer_that_is_no_mathematics_is_unparseable() -> None:
    assert outcome("x+1", r"\foo{\bar") == "unparseable"
    assert outcome("12", "1 2") == "unparseable"
    assert outcome("x+1", r"{{x+") == "unparseable"


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("$221,$8$", "8, 221", "correct"),
        ("$221,$8$", "221", "wrong"),
        ("$221,$8$", "2218", "wrong"),
        ("221,000", "221, 0", "correct"),
        ("221,000", "221000", "wrong"),
        ("2400, 1350, 864", "864, 1,350, 2,400", "correct"),
        ("$69$,$84$", "84,69", "correct"),
        ("-2,-2", "-2", "wrong"),
        ("(1,8), (2,7)", "(2,7),(1,8)", "correct"),
        ("(1,8), (2,7)", "(1,8)", "wrong"),
        ("$f(x)=x,f(x)=-x$", "f(x)=-x, f(x)=x", "correct"),
        ("1,3", "(1,3)", "correct"),
        ("1,3", "(3,1)", "wrong"),
    ],
)
def test_multiple_wants_every_value(gold: str, answer: str, expected: str) -> None:
    assert outcome(gold, answer, multiple=True) == expected


@pytest.mark.parametrize(
    ("gold", "answer", "unit", "expected"),
    [
        (r"$\frac{600}{7}$", r"\frac{600}{7}\text{ km/h}", "km/h", "correct"),
        (r"$\frac{600}{7}$", "600/7 km/h", "km/h", "correct"),
        ("$166$", "166 cm^2", "$cm^2$", "correct"),
        ("8", "8 min", "min", "correct"),
        ("8", "9 min", "min", "wrong"),
        ("$\\angle B=90$", "90", r"^{\circ}", "correct"),
        ("4", "4\\%", "%", "correct"),
        ("4", "0.04", "%", "correct"),
        ("4", "0.4", "%", "wrong"),
    ],
)
def test_a_units_own_record(gold: str, answer: str, unit: str, expected: str) -> None:
    assert outcome(gold, answer, unit=unit) == expected


def test_a_records_tolerance_is_absolute_and_replaces_the_rule() -> None:
    record = {"unit": "%", "tolerance": "1e-1"}
    assert outcome("4.2", "4.3\\%", **record) == "correct"
    assert outcome("4.2", "4.31\\%", **record) == "wrong"
    assert outcome("4.2", "\\frac{17}{4}", **record) == "correct"
    assert outcome("4.2", "3\\sqrt{2}", **record) == "correct"
    assert outcome("4.2", "3\\sqrt{3}", **record) == "wrong"


# --- Robustness and lightness --------------------------------------------------------------------

LATEX = st.text(alphabet="0123456789abxE+-=/^_,.:;()[]{}\\ $%!&|*<>~", max_size=60)


@given(LATEX, LATEX, st.booleans())
def test_notation_answers_or_abstains_whatever_is_written(gold, answer, multiple) -> None:
    try:
        verdict = answers_agree(gold, answer, Rule(multiple=multiple), undecided)
    except (Undecided, NotUnderstood):
        return
    assert verdict.equal in (True, False)


@given(LATEX)
def test_every_answer_equals_itself(text: str) -> None:
    assert answers_agree(text, text, Rule(), undecided).equal


def test_importing_and_notation_load_no_computer_algebra() -> None:
    script = (
        "import sys\n"
        "from tampo.grading import grade_record as grade\n"
        "from tampo.grading import grader\n"
        "record = {'id': 't', 'answer': ['\\\\frac{1}{2}']}\n"
        "assert grade('\\\\boxed{0.5}', record).outcome == 'correct'\n"
        "assert grade('\\\\boxed{1/3}', record).outcome == 'wrong'\n"
        "exact = {'id': 't', 'answer': ['A1'], 'answer_type': 'exact'}\n"
        "assert grade('\\\\boxed{A2}', exact).outcome == 'wrong'\n"
        "assert not grader._shared_pool._live\n"
        "heavy = {'sympy', 'mpmath', 'pint', 'torch', 'numpy', 'trl'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
