"""The studies that reproduce the paper: what they compare, and the source of each value."""

import re

import pandas as pd
import pytest
from support.paths import ROOT

from tampo.grading import grade_record
from tampo.problems.catalogue import CATALOGUE
from tampo.problems.prompts import user_message
from tampo.study.study import load_study
from tampo.tools.plan.hardware import GPUS
from tampo.tools.plan.study_plan import Layout, plan

NAMES = ("paper", "ecqa")
TAG = re.compile(r"\[[PSOR]\]")
TAGGED = ("training", "methods", "seeds", "benchmarks", "evaluation")
"""Parts of a study whose every value has a source."""

QUESTION = {
    "q_text": "Where would you put a glass?",
    "q_op1": "sky",
    "q_op2": "shelf",
    "q_op3": "river",
    "q_op4": "oven",
    "q_op5": "pocket",
    "q_ans": "shelf",
}


@pytest.fixture(params=NAMES)
def study(request):
    return load_study(ROOT / "workflow" / "studies" / f"{request.param}.yaml")


def untagged(text):
    """Return the lines with a value but no source tag, neither in them nor in the comment above."""
    missing, part, above = [], None, False
    for line in text.splitlines():
        if re.match(r"\w", line):
            part, above = line.partition(":")[0], False
        if line.lstrip().startswith("#"):
            above = bool(TAG.search(line)) or above
            continue
        has_value = bool(re.search(r":\s+\S|^\s*- ", line.partition(" #")[0]))
        if part in TAGGED and has_value and not TAG.search(line) and not above:
            missing.append(line)
        # A comment above a list is about all of it.
        above = above and line.lstrip().startswith("- ")
    return missing


@pytest.mark.parametrize("name", NAMES)
def test_every_value_has_its_source(name):
    assert untagged((ROOT / "workflow" / "studies" / f"{name}.yaml").read_text()) == []


def test_a_value_without_a_source_would_be_found():
    text = "training:\n  steps: 2 # [P]\n  # [R] both\n  seed: 3\n  loss: bnpo\nname: x\n"
    assert untagged(text) == ["  loss: bnpo"]


def test_published_methods_are_methods_of_the_studys_table_of_that_name(study):
    for path in (ROOT / "workflow" / "published" / study.name).glob("*.csv"):
        (table,) = [table for table in study.tables if table.name == path.stem]
        published = pd.read_csv(path)
        assert set(published["method"]) <= set(table.methods)
        assert set(published["metric"]) <= {f"pass@{k}" for k in study.evaluation.pass_k}


def test_tables_one_to_three_and_both_ablations_are_methods_of_the_paper_study():
    study = load_study(ROOT / "workflow" / "studies" / "paper.yaml")
    tampo = [method for method in study.methods if method.policy == "tampo"]
    settings = {(method.settings["alpha"], method.settings["top_p"]) for method in tampo}
    assert settings == {(a, 0.7) for a in (0.01, 0.05, 0.10)} | {
        (0.05, p) for p in (0.0, 0.5, 0.7, 0.9)
    }
    fixed = [m.settings["temperature"] for m in study.methods if m.policy == "fixed"]
    assert fixed == [0.9, 1.2, 1.5]
    (linear,) = [m.settings for m in study.methods if m.policy == "linear"]
    assert linear == {"start": 0.9, "end": 1.5}


def test_small_sets_are_sampled_often_and_both_budgets_are_scored():
    study = load_study(ROOT / "workflow" / "studies" / "paper.yaml")
    small = [b for b in study.benchmarks if CATALOGUE[b.name].count < 100]
    assert {b.name for b in small} == {"aime24", "amc23"}
    assert all(b.samples >= 32 for b in small)
    assert (study.evaluation.budgets, study.evaluation.max_tokens) == ([6144], 32768)


def test_the_layout_that_a_study_asks_for_works_as_planned(study):
    # One note always says what is not modelled; evaluation at 32k is planned at a quarter of it.
    notes = plan(study, Layout.of(study, GPUS["A100-80"])).notes
    assert [note for note in notes if "resources.evaluate" not in note] == notes[-1:]


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (r"A shelf holds glasses. \boxed{B}", "correct"),
        (r"\boxed{(B)}", "correct"),
        (r"\boxed{shelf}", "correct"),
        (r"First \boxed{B}, no: \boxed{A}", "wrong"),
        (r"\boxed{b}", "wrong"),
        (r"\boxed{A, B}", "wrong"),
        ("The answer is B.", "unparseable"),
    ],
)
def test_an_ecqa_answer_is_matched_exactly(response, outcome):
    record = CATALOGUE["ecqa"].source.record(QUESTION, 0)
    assert grade_record(response, record).outcome == outcome


def test_an_ecqa_prompt_lists_the_options_and_asks_for_a_letter():
    study = load_study(ROOT / "workflow" / "studies" / "ecqa.yaml")
    record = CATALOGUE["ecqa-train"].source.record(QUESTION, 0)
    lines = user_message(study.prompt, record["problem"]).splitlines()
    assert lines[0] == "Where would you put a glass?"
    assert lines[1:6] == ["(A) sky", "(B) shelf", "(C) river", "(D) oven", "(E) pocket"]
    assert r"letter of the best option within \boxed{}" in lines[-1]
