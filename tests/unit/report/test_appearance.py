"""What methods are called and how they look: labels, groups and colours, once for a whole study."""

import json
import re

import matplotlib.colors
import pandas as pd
import pytest
from pydantic import ValidationError
from support.studies import micro_study

from tampo.report.figures import FIGURES
from tampo.report.figures.appearance import appearances
from tampo.report.latex import to_latex
from tampo.report.tables import group_headings, labelled, to_markdown
from tampo.study.slices import slice_of

METHODS = [
    {"name": "base", "policy": "untrained", "label": "Base model"},
    {"name": "t0.7", "policy": "fixed", "settings": {"temperature": 0.7}, "group": "Fixed"},
    {"name": "t1.3", "policy": "fixed", "settings": {"temperature": 1.3}, "group": "Fixed"},
    {"name": "tampo", "policy": "tampo", "label": "TAMPO", "group": "Learned"},
]
NAMES = [method["name"] for method in METHODS]


def study_of(methods=METHODS):
    names = [method["name"] for method in methods]
    return micro_study(
        methods=methods, tables=[{"name": "table1", "title": "All", "methods": names}]
    )


STUDY = study_of()
TEXT = pd.DataFrame({"method": NAMES, "average": ["1.0", "2.0", "3.0", "4.0"]})


def test_the_base_model_and_tampo_look_the_same_in_every_study():
    looks = [appearances(study_of(methods)) for methods in (METHODS, METHODS[::-1])]
    for name in ("base", "tampo"):
        assert looks[0][name] == looks[1][name]
    assert looks[0]["tampo"].label == "TAMPO" and looks[0]["t0.7"].label == "t0.7"


def test_no_two_of_35_methods_look_alike():
    fixed = [
        {"name": f"t{i}", "policy": "fixed", "settings": {"temperature": 0.5 + i / 100}}
        for i in range(33)
    ]
    looks = appearances(study_of([METHODS[0], METHODS[3], *fixed])).values()
    assert len({(look.colour, look.marker) for look in looks}) == 35


def colours_of(figure):
    return {
        matplotlib.colors.to_hex(line.get_color()).upper()
        for axes in figure.axes
        for line in axes.get_lines()
    }


def test_a_method_has_its_colour_in_every_figure_and_its_label_on_it():
    looks = appearances(STUDY)
    steps = pd.DataFrame(
        {"method": m, "seed": s, "step": t, "temperature": 1.0, "smoothed": 0.5, "window": 1}
        | {"entropy": 1.0, "entropy_at_one": 1.0}
        for m in NAMES[1:]
        for s in (1, 2)
        for t in range(3)
    )
    scores = pd.DataFrame({"method": NAMES[1:], "difference": 1.0, "low": 0.0, "high": 2.0})
    scores = scores.assign(baseline="base", benchmark="average")
    frames = {"temperatures": steps, "learning_curves": steps, "entropy": steps}
    frames |= {"differences": scores, "benchmark_deltas": scores}
    for name, data in frames.items():
        figure = FIGURES[name].draw(data, looks)
        assert {looks[m].colour for m in NAMES[1:]} <= colours_of(figure), name
        texts = {axes.get_title(loc="left") for axes in figure.axes}
        texts |= {tick.get_text() for axes in figure.axes for tick in axes.get_yticklabels()}
        assert {"t0.7", "TAMPO"} <= texts, name


def test_a_list_of_methods_has_a_row_for_each_group_above_its_first():
    scores = pd.DataFrame({"method": NAMES[1:], "difference": 1.0, "low": 0.0, "high": 2.0})
    figure = FIGURES["differences"].draw(scores.assign(baseline="base"), appearances(STUDY))
    (axes,) = figure.axes
    texts = [(tick.get_text(), tick.get_fontweight()) for tick in axes.get_yticklabels()]
    assert texts == [
        ("Fixed", "bold"),
        ("t0.7", "normal"),
        ("t1.3", "normal"),
        ("Learned", "bold"),
        ("TAMPO", "normal"),
    ]
    assert "minus that of Base model" in figure.get_supxlabel()


def test_tables_show_labels_below_the_headings_of_their_groups():
    headings = group_headings(TEXT["method"], STUDY)
    assert headings == {1: "Fixed", 3: "Learned"}
    shown = labelled(TEXT, STUDY)
    assert re.sub(" +", " ", to_markdown(shown, None, headings)).splitlines()[2:] == [
        "| Base model | 1.0 |",
        "| **Fixed** | |",
        "| t0.7 | 2.0 |",
        "| t1.3 | 3.0 |",
        "| **Learned** | |",
        "| TAMPO | 4.0 |",
    ]
    latex = to_latex(shown, {}, caption="c", label="l", note="n", headings={1: "A & B"})
    assert r"\multicolumn{2}{l}{\textit{A \& B}} \\" in latex.splitlines()


def test_a_group_that_comes_twice_is_named_twice_and_one_row_without_it_needs_no_heading():
    assert group_headings(["tampo", "base", "tampo", "tampo"], STUDY) == {
        0: "Learned",
        2: "Learned",
    }


def test_a_label_changes_what_is_shown_and_nothing_that_was_trained():
    renamed = study_of([METHODS[0], METHODS[1] | {"label": "Cold", "group": "A"}, *METHODS[2:]])
    for stage, method in (("train", "t0.7"), ("evaluate", None), ("aggregate", None)):
        assert slice_of(STUDY, stage, method) == slice_of(renamed, stage, method), stage
    assert json.loads(slice_of(renamed, "report"))["shown_as"][1] == ["t0.7", "Cold", "A"]
    assert slice_of(STUDY, "report") != slice_of(renamed, "report")


@pytest.mark.parametrize("label", ["", " x", "two\nlines", "x" * 41])
def test_a_label_is_a_few_words_on_one_line(label):
    with pytest.raises(ValidationError, match="label"):
        study_of([METHODS[1] | {"label": label}])


def test_two_methods_cannot_be_shown_under_one_name():
    with pytest.raises(ValidationError, match=r"labels of methods: 't1\.3' is listed twice"):
        study_of([METHODS[1] | {"label": "t1.3"}, METHODS[2]])
