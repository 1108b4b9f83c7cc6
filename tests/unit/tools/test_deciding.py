"""Seeds until a verdict: the textbook's number, and what a study's results make of it."""

import dataclasses

import pandas as pd
import pytest
import yaml
from support.claim_inputs import ALL, claims_study, scored

from tampo.claims import claims_table
from tampo.cli import main
from tampo.statistics.power import seeds_needed
from tampo.study.study import StudyError
from tampo.tools.plan.deciding import deciding

EQUAL = dict.fromkeys(ALL, 0.0)


@pytest.mark.parametrize(("effect", "seeds"), [(0.5, 34), (0.8, 15), (0.2, 199)])
def test_seeds_of_a_paired_t_test_are_the_textbooks(effect, seeds):
    """Cohen's d of 0.5 takes 34 pairs, 0.8 takes 15 and 0.2 takes 199, for 80 % power at 0.05."""
    assert seeds_needed(effect, 1.0, 0.0, 0.05) == seeds
    assert seeds_needed(-effect, 1.0, 0.0, 0.05) == seeds


def test_seeds_do_not_make_up_for_few_problems():
    assert seeds_needed(0.5, 1.0, 0.3, 0.05) is None
    assert seeds_needed(0.5, 1.0, 0.1, 0.05) > 34
    assert seeds_needed(0.0, 1.0, 0.0, 0.05) is None


@pytest.fixture
def results(tmp_path):
    """A reported study of eight seeds: TAMPO a little behind fixed 0.9, far ahead of uniform draws."""
    study = claims_study(seeds=list(range(1, 9)), statistics={"resamples": 1000, "looks": [8, 10]})
    inputs = scored(EQUAL | {"two": 0.02, "any": -0.3}, seeds=8, luck=0.04)
    costs = [
        {"method": m, "seed": s, "benchmark": b, "metric": "seconds", "value": 1800.0}
        for m in ALL
        for s in range(1, 9)
        for b in ("training", "evaluation")
    ]
    inputs = dataclasses.replace(inputs, scores=pd.concat([inputs.scores, pd.DataFrame(costs)]))
    for folder in ("report", "aggregate"):
        (tmp_path / folder).mkdir()
    text = yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False)
    (tmp_path / "report" / "study.yaml").write_text(text)
    claims_table(study, inputs).to_csv(tmp_path / "report" / "claims.csv", index=False)
    inputs.scores.to_csv(tmp_path / "aggregate" / "scores.csv", index=False)
    inputs.problem_scores.to_csv(tmp_path / "aggregate" / "problem_scores.csv.xz", index=False)
    return tmp_path


def cells(text, claim):
    lines = text.splitlines()
    starts = [
        lines[0].index(name)
        for name in ("claim", "verdict", "nearest", "difference", "seeds", "hours")
    ]
    (line,) = [line for line in lines if line.startswith(claim)]
    return [line[i:].split("  ")[0] for i in starts]


def test_each_claim_has_its_seeds_and_hours(results):
    text = deciding(results, [])
    assert [line[:2] for line in text.splitlines()[1:9]] == [
        "C1",
        "C2",
        "C3",
        "C4",
        "C5",
        "X1",
        "X2",
        "X3",
    ]
    _, verdict, against, _, seeds, hours = cells(text, "C1")
    assert verdict == "undecided" and against in {"two", "three", "four"} and int(seeds) > 8
    # Four methods, half an hour of training and as much of evaluation, for every missing seed.
    assert hours.endswith(" h") and float(hours[:-2]) == pytest.approx(
        4 * (int(seeds) - 8), rel=0.01
    )
    assert cells(text, "X1")[4] == "decided"
    assert "no benchmark ecqa" in text and "8 seeds so far" in text and "after 10 seeds" in text


def test_a_larger_difference_takes_fewer_seeds(results):
    small, large = (cells(deciding(results, ["C1"], points), "C1")[4] for points in (2.0, 8.0))
    assert int(large) < int(small)
    assert "of 8 points" in deciding(results, ["C1"], 8.0)


def test_what_cannot_be_planned_is_refused_in_a_line(results, tmp_path, capsys):
    with pytest.raises(StudyError, match="no claim about scores 'C9'"):
        deciding(results, ["C9"])
    with pytest.raises(StudyError, match="--difference: 0; it must be above 0"):
        deciding(results, ["C1"], 0.0)
    with pytest.raises(StudyError, match="holds no report"):
        deciding(tmp_path / "elsewhere", [])
    assert main(["plan", "--study", "settle", "--decide", "X1", "--results", str(results)]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("X1")
