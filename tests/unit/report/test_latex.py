r"""LaTeX tables: what is special in LaTeX is escaped, rows have as many cells as the header."""

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampo.report.latex import escape, to_latex

TABLE = pd.DataFrame(
    {
        "method": ["a_b", "a_b", "100%"],
        "average": ["44.5 [41.0, 48.1]", "60.0 [1.0, 99.0]", "1.0 [0.0, 2.0]"],
        "published_average": ["42.0", "", "39.1"],
        "num_seeds": ["3", "3", "3"],
    }
)
TEXT = to_latex(
    TABLE,
    {(0, "average"): "best", (2, "average"): "second"},
    caption="Scores & more",
    label="tiny-table1",
    note="95 % interval",
)


@pytest.mark.parametrize(
    ("plain", "latex"),
    [
        ("pass@1", "pass@1"),
        ("num_seeds", r"num\_seeds"),
        ("95 % & #1 $x$ {y}", r"95 \% \& \#1 \$x\$ \{y\}"),
        ("a\\b~c^d", r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d"),
        ("α < 0.05", r"$\alpha$ \textless{} 0.05"),
    ],
)
def test_text_is_escaped(plain, latex):
    assert escape(plain) == latex


@given(st.text(alphabet="ab\\{}$&#%_^~<>| "))
def test_escaped_text_leaves_nothing_open(text):
    latex = escape(text)
    bare = re.sub(r"\\[\\{}$&#%_]", "", latex)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"[$&#%_^~]", bare)


def test_every_row_has_the_cells_of_the_header():
    body = [line for line in TEXT.splitlines() if line.endswith(r" \\")]
    assert len(body) == 1 + len(TABLE)
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {3}
    (columns,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", TEXT)
    assert columns == "lrrr"


def test_scores_are_set_above_their_interval_and_marked():
    assert r"\shortstack{\textbf{44.5} \\ {\tiny [41.0, 48.1]}}" in TEXT
    assert r"\shortstack{\underline{1.0} \\ {\tiny [0.0, 2.0]}}" in TEXT
    assert r"\shortstack{60.0 \\ {\tiny [1.0, 99.0]}}" in TEXT


def test_environments_and_braces_are_closed():
    assert re.findall(r"\\begin\{(\w+)\}", TEXT) == ["table", "tabular", "minipage"]
    assert re.findall(r"\\end\{(\w+)\}", TEXT) == ["tabular", "minipage", "table"]
    bare = re.sub(r"\\[{}]", "", TEXT)
    assert bare.count("{") == bare.count("}")
    assert r"\caption{Scores \& more}" in TEXT and r"\label{tab:tiny-table1}" in TEXT
    assert TEXT.count(r"\addlinespace") == 1
