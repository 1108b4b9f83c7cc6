"""Simulates studies that are looked at as seeds are added, and draws docs/images/looks.svg.

`python docs/looks.py` takes seconds and tests means of normal differences; `--through-claims` takes half
an hour and tests whole score tables as the claims do. docs/statistics.md and docs/log.md have
the numbers, tests/unit/statistics/test_sequential.py the bounds on them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from tampo.files import written_whole
from tampo.report.figures.style import BLACK, BLUE, VERMILLION, label, styled
from tampo.statistics.paired import paired_differences
from tampo.statistics.power import detectable_difference
from tampo.statistics.score_arrays import Scores
from tampo.statistics.sequential import look_levels
from tampo.study.settings import Statistics

LOOKS = (3, 5, 8, 12, 20, 30)
LEVEL = 0.05
FIGURE = Path(__file__).parent / "images" / "looks.svg"
STUDIES = 20_000


def p_values(effect: float, studies: int, rng: np.random.Generator) -> np.ndarray:
    """Return [studies, looks] p-values of Student's test, for an effect in standard deviations."""
    draws = effect + rng.standard_normal((studies, LOOKS[-1]))
    found = [stats.ttest_1samp(draws[:, :seeds], 0.0, axis=1).pvalue for seeds in LOOKS]
    return np.stack(found, axis=1)


def decided(p: np.ndarray, levels: np.ndarray | float) -> np.ndarray:
    """Return [looks] the fraction of studies that are decided at a look or before."""
    return np.maximum.accumulate(p <= levels, axis=1).mean(axis=0)


@styled
def draw(null: dict[str, np.ndarray], effect: dict[str, np.ndarray], path: Path) -> None:
    """Draw the fraction of studies decided by number of seeds, under both."""
    figure = Figure((5.0, 2.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    colours = {
        "declared looks": BLUE,
        "5 % at every look": VERMILLION,
        "one look at the end": BLACK,
    }
    for axes, found, title in (
        (left, null, "no difference"),
        (right, effect, "one that a single test finds in 80 %"),
    ):
        axes.set_title(title)
        for name, values in found.items():
            marker = "o" if name != "one look at the end" else "s"
            axes.plot(
                LOOKS[-len(values) :], 100 * values, marker, linestyle="-", color=colours[name]
            )
            axes.lines[-1].set_label(name)
        axes.set_ylim(bottom=0)
    left.axhline(100 * LEVEL, color="black", linewidth=0.6, linestyle=":")
    label(figure, "seeds", "studies decided, percent")
    figure.legend(handles=left.get_lines()[:3], loc="outside upper center", ncols=3)
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})


def simulate() -> None:
    """Print and draw error and power of the rule beside those of one test at the end."""
    rng, levels = np.random.default_rng(0), np.array(look_levels(LEVEL, LOOKS))
    size = detectable_difference(1 / np.sqrt(LOOKS[-1]), LOOKS[-1] - 1, 1 - LEVEL)
    null, real = (p_values(effect, STUDIES, rng) for effect in (0.0, size))
    rows = {}
    for name, p in (("null", null), (f"{size:.3f} standard deviations", real)):
        rows[name] = {
            "declared looks": decided(p, levels),
            "5 % at every look": decided(p, LEVEL),
            "one look at the end": (p[:, -1:] <= LEVEL).mean(axis=0),
        }
        for rule, values in rows[name].items():
            print(f"{name}: {rule}: {' '.join(f'{100 * value:.1f}' for value in values)} %")
    crossed = real <= levels
    seeds = np.where(crossed.any(axis=1), np.array(LOOKS)[crossed.argmax(axis=1)], LOOKS[-1])
    print(f"seeds until the end of a study with that difference: mean {seeds.mean():.1f}")
    draw(*rows.values(), FIGURE)


def through_claims(studies: int = 10_000, problems: int = 48, benchmarks: int = 5) -> None:
    """Print how many null studies the claims' own test decides: problems shared, runs lucky or not."""
    levels = np.array(look_levels(LEVEL, LOOKS))
    settings = Statistics(confidence=1 - LEVEL)
    wrong = 0
    for study in range(studies):
        rng = np.random.default_rng([1, study])
        pair = [_scores(rng, problems, benchmarks, study) for _ in range(2)]
        for seeds, level in zip(LOOKS, levels, strict=True):
            if level < 2 / (1 + settings.resamples):
                # No p-value of so many resamples is that small.
                continue
            first, second = ({n: s[:seeds] for n, s in scores.items()} for scores in pair)
            found = paired_differences(first, second, settings, np.random.default_rng(study))
            if found["average"].p_value <= level:
                wrong += 1
                break
        if study % 500 == 499:
            print(f"{wrong} of {study + 1} null studies decided", flush=True)


def _scores(rng: np.random.Generator, problems: int, benchmarks: int, study: int) -> Scores:
    """Return fractions of 16 responses: difficulties are the study's, the luck of a run is a method's."""
    difficulty = np.random.default_rng([2, study]).normal(0, 1, (benchmarks, problems))
    luck = rng.normal(0, 0.3, (LOOKS[-1], 1))
    chances = {str(b): stats.norm.cdf(difficulty[b] + luck) for b in range(benchmarks)}
    return {name: rng.binomial(16, p) / 16 for name, p in chances.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--through-claims", action="store_true", help="the slow simulation")
    if parser.parse_args().through_claims:
        through_claims()
    else:
        simulate()
