"""Claims about scores: C1 to C5, and the controls X1 to X3 that the paper did not run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tampo import layout
from tampo.claims.claim_inputs import ClaimInputs, NotTested
from tampo.claims.contests import Contest, Pair, contest
from tampo.claims.verdicts import Finding, Level, all_positive, claim
from tampo.layout import AVERAGE, METHOD, METRIC
from tampo.seeds import generator
from tampo.statistics.paired import PairedDifference, pair_generator, paired_differences
from tampo.statistics.permutation_tests import PermutationTest, holm, permutation_test
from tampo.statistics.power import POWER, study_detectable
from tampo.statistics.score_arrays import in_common, score_arrays
from tampo.study.settings import Statistics
from tampo.study.study import Study

EQUIVALENT = 2
"""Points within which two methods count as equivalent [R]."""


@dataclass(frozen=True)
class _Comparison:
    pair: Pair
    difference: PairedDifference
    permutation: PermutationTest


@claim(
    "C1",
    "TAMPO's mean Pass@1 beats every fixed temperature and the linear schedule",
    unit="points",
    # Over the linear schedule, whose Pass@1 sources quote as 42.8 and 43.3 [S].
    published="1.7 or 1.2",
)
def beats_schedules_at_one(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """Paired differences of TAMPO and each fixed temperature and rising linear schedule, averaged
    over benchmarks: supported if all are positive and contradicted if one is negative, each with
    adjusted p <= 1 - confidence (for looks if the study declares any, then Holm's); the estimate
    is the smallest of them."""
    return _judge(study, inputs, level, contest("C1", study))


@claim(
    "C2",
    "TAMPO's mean Pass@8 beats every fixed temperature and the linear schedule",
    unit="points",
    published="1.2",
)
def beats_schedules_at_eight(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """As C1, for Pass@8."""
    return _judge(study, inputs, level, contest("C2", study))


@claim("C3", "α = 0.05 is the best of 0.01, 0.05 and 0.10", unit="points", published="0.9")
def best_alpha(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """Paired differences in mean Pass@1 of TAMPO with α = 0.05 and with each other published α, all
    else equal; the rule is that of C1."""
    return _judge(study, inputs, level, contest("C3", study))


@claim(
    "C4",
    "top-p = 0.7 is the best of greedy, 0.5, 0.7 and 0.9, and greedy is the worst",
    unit="points",
    published="1.3",
)
def best_top_p(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """Paired differences in mean Pass@1 of TAMPO with p = 0.7 and with each other published p, and of
    p = 0.5 and p = 0.9 and greedy; the rule is that of C1 over all five."""
    return _judge(study, inputs, level, contest("C4", study))


@claim("C5", "On ECQA TAMPO beats GRPO and the base model", unit="points", published="1.05")
def beats_grpo_on_ecqa(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """Paired differences in Pass@1 on ECQA of TAMPO and each fixed temperature and the base model;
    the rule is that of C1."""
    return _judge(study, inputs, level, contest("C5", study))


@claim("X1", "TAMPO beats temperatures drawn uniformly from its candidates", unit="points")
def beats_uniform(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """Paired difference in mean Pass@1 of TAMPO and uniform draws: does learning the temperature
    matter, or only varying it? The rule is that of C1."""
    return _judge(study, inputs, level, contest("X1", study))


@claim("X2", "TAMPO beats the replayed temperatures of another of its runs", unit="points")
def beats_replay(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """Paired difference in mean Pass@1 of TAMPO and the replay of temperatures that it drew with
    another seed: does it matter that they answer to the run? The rule is that of C1."""
    return _judge(study, inputs, level, contest("X2", study))


@claim("X3", "TAMPO beats itself with advantages shuffled within groups", unit="points")
def beats_shuffled(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """Paired difference in mean Pass@1 of TAMPO and the same machinery without temperature credit; the
    rule is that of C1."""
    return _judge(study, inputs, level, contest("X3", study))


def _judge(
    study: Study,
    inputs: ClaimInputs,
    level: Level,
    compared: Contest,
) -> Finding:
    """Judge whether the first of every pair scores higher on average over benchmarks.

    With one run per method the verdict is never more than undecided: a claim about a method is
    about its runs, and how they vary is then unknown. A pair is compared on the seeds that both
    finished; one without such a seed keeps the claim from being supported.
    """
    if compared.k not in study.evaluation.pass_k:
        raise NotTested(f"the study does not report Pass@{compared.k}")
    settings, metric, pairs = study.statistics, layout.pass_at(compared.k), compared.pairs
    benchmarks = compared.benchmarks or [b.name for b in study.benchmarks]
    found = _compare(inputs, pairs, metric, benchmarks, settings)
    differences = [c.difference for c in found]
    effects = [d.difference for d in differences]
    # A comparison of single runs decides nothing, whatever its problems say.
    decisive = [d.p_value if d.runs > 1 else 1.0 for d in differences]
    verdict, _ = all_positive(effects, decisive, level)
    adjusted = holm([d.p_value for d in differences])
    notes = [_describe(c, p) for c, p in zip(found, adjusted, strict=True)]
    if any(d.runs < 2 for d in differences):
        notes.append(
            "one run per method: how runs vary is unknown, intervals cover problems only"
            if all(d.runs < 2 for d in differences)
            else "a comparison on one seed decides nothing: how runs vary is unknown"
        )
    if len(found) < len(pairs):
        verdict = "undecided" if verdict == "supported" else verdict
    notes += _on_common_seeds(inputs, pairs, found)
    detectable = study_detectable(differences, settings.confidence)
    notes.append(
        f"a single comparison detects a true difference of {100 * detectable:.1f} points with "
        f"{100 * POWER:.0f} % power"
    )
    notes.append(_ruled_out(differences))
    nearest = min(found, key=lambda comparison: comparison.difference.difference)
    least = nearest.difference
    return Finding(
        verdict,
        100 * least.difference,
        100 * least.low,
        100 * least.high,
        "; ".join(notes),
        nearest.pair[1],
    )


def _ruled_out(differences: Sequence[PairedDifference]) -> str:
    """Return which differences the intervals leave no room for, and whether that is equivalence."""
    largest = 100 * max(max(-d.low, d.high) for d in differences)
    text = f"differences beyond {largest:.1f} points are ruled out"
    if largest <= EQUIVALENT:
        text += f", so the methods are equivalent within {EQUIVALENT} points"
    return text


def _on_common_seeds(
    inputs: ClaimInputs, pairs: Sequence[Pair], found: Sequence[_Comparison]
) -> list[str]:
    """Return which methods have runs that diverged, and on how many seeds that leaves each pair."""
    notes = []
    if gone := inputs.outcomes.note(dict.fromkeys(name for pair in pairs for name in pair)):
        notes.append(gone)
    for comparison in found:
        if inputs.outcomes.note(comparison.pair):
            runs = comparison.difference.runs
            seeds = "1 seed" if runs == 1 else f"{runs} seeds"
            first, second = comparison.pair
            notes.append(f"{first} less {second} is over the {seeds} that both finished")
    compared = [comparison.pair for comparison in found]
    absent = [pair for pair in pairs if pair not in compared]
    notes += [f"{first} less {second}: no seed that both finished" for first, second in absent]
    return notes


def _compare(
    inputs: ClaimInputs,
    pairs: Sequence[Pair],
    metric: str,
    benchmarks: Sequence[str],
    settings: Statistics,
) -> list[_Comparison]:
    methods = list(dict.fromkeys(name for pair in pairs for name in pair))
    scores = inputs.problem_scores
    scored = set(scores[scores[METRIC] == metric][METHOD])
    gone = [name for name in methods if inputs.outcomes.all_diverged(name)]
    absent = [name for name in methods if name not in (*scored, *gone)]
    if absent:
        raise NotTested(f"there are no {metric} scores of {', '.join(absent)}")
    rows = [(name, metric) for name in methods]
    arrays = score_arrays(inputs.problem_scores, rows, benchmarks, inputs.outcomes.diverged)
    found = []
    for first, second in pairs:
        if first in gone or second in gone:
            continue
        tables = in_common(arrays[first, metric], arrays[second, metric])
        if not tables[0].seeds:
            continue
        rng = generator(settings.seed, "permutation", metric)
        found.append(
            _Comparison(
                (first, second),
                paired_differences(*tables, settings, pair_generator(settings, metric))[AVERAGE],
                permutation_test(*tables, settings.resamples, rng),
            )
        )
    if not found:
        raise NotTested(f"no seed that two methods finished; {inputs.outcomes.note(methods)}")
    return found


def _describe(comparison: _Comparison, adjusted: float) -> str:
    found, swapped = comparison.difference, comparison.permutation
    first, second = comparison.pair
    errors = found.difference / found.standard_error if found.standard_error else float("nan")
    return (
        f"{first} minus {second}: {100 * found.difference:+.2f} "
        f"[{100 * found.low:+.2f}, {100 * found.high:+.2f}] points, {errors:+.1f} standard errors, "
        f"p = {found.p_value:.3g}, Holm {adjusted:.3g}, permutation of {swapped.unit}s "
        f"{swapped.p_value:.3g} (at least {swapped.smallest:.2g})"
    )
