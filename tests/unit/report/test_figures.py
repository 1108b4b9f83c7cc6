"""Figures: their data by hand, drawn from it alone, reproducible byte for byte, and skipped by name."""

import dataclasses

import matplotlib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from support.studies import micro_study

from tampo.claims.claim_inputs import ClaimInputs
from tampo.claims.training import separation
from tampo.layout import AVERAGE
from tampo.report.figures import FIGURES, NotDrawn, redraw, save, write_figures
from tampo.report.figures.appearance import appearances
from tampo.report.figures.figure_data import fixed_temperatures
from tampo.report.figures.likelihood import mean_difference
from tampo.report.figures.scores import cost_data
from tampo.report.figures.style import WIDTH, small_multiples, spread
from tampo.report.figures.training import over_seeds, smoothed

METHODS = [
    {"name": "base", "policy": "untrained"},
    {"name": "cold", "policy": "fixed", "settings": {"temperature": 0.7}},
    {"name": "hot", "policy": "fixed", "settings": {"temperature": 1.3}},
    {"name": "tampo", "policy": "tampo"},
]
TRAINED = {"cold": 0.7, "hot": 1.3, "tampo": 1.0}
CANDIDATES = [0.7, 1.0, 1.3]
STEPS = 12
BENCHMARKS = ["sums", "maxima"]
STATISTICS = {"resamples": 200}


def study_of(methods=METHODS, **changes):
    names = [method["name"] for method in methods]
    return micro_study(
        methods=methods,
        benchmarks=[{"name": name, "samples": 2, "limit": 4} for name in BENCHMARKS],
        tables=[{"name": "table1", "title": "All", "methods": names}],
        statistics=STATISTICS,
        **changes,
    )


STUDY = study_of()


def runs():
    return [(method, seed) for method in TRAINED for seed in (1, 2)]


def step_frame():
    rng = np.random.default_rng(0)
    rows = []
    for method, seed in runs():
        for step in range(STEPS):
            temperature = TRAINED[method] + (0.1 * rng.integers(-1, 2) if method == "tampo" else 0)
            row = {"method": method, "seed": seed, "step": step, "temperature": temperature}
            row |= dict(zip(["reward", "truncated", "entropy"], rng.random(3), strict=True))
            rows.append(row | {"entropy_at_one": rng.random(), "tokens": 100, "seconds": 2.0})
    return pd.DataFrame(rows)


def likelihood_frames():
    optima, curves = [], []
    for method, seed in runs():
        run = {"method": method, "seed": seed}
        for sign, counts in (("positive", [1, 2, 3]), ("negative", [3, 2, 1]), ("zero", [9, 0, 0])):
            key = run | {"sign": sign}
            optima += [
                key | {"temperature": t, "count": c}
                for t, c in zip(CANDIDATES, counts, strict=True)
            ]
            for row in (0, 1):
                values = [-1.0, -0.5, -0.8] if row else [-1.0, -0.5, -0.2]
                place = {"step": seed, "row": row}
                curves += [
                    key | place | {"temperature": t, "log_likelihood": value}
                    for t, value in zip(CANDIDATES, values, strict=True)
                ]
    return pd.DataFrame(optima), pd.DataFrame(curves)


def policy_frame():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {"method": "tampo", "seed": seed, "step": step, "candidate": t, "probability": p}
        for seed in (1, 2)
        for step in range(STEPS)
        for t, p in zip(CANDIDATES, rng.dirichlet(np.ones(3)), strict=True)
    )


def problem_frame():
    """Problem j of 4 scores 1 where j is below the method's number: base 0.25, tampo 1."""
    solved = {"base": 1, "cold": 2, "hot": 3, "tampo": 4}
    keys = [(m, s, b, p) for m in solved for s in (1, 2) for b in BENCHMARKS for p in range(4)]
    rows = [
        {"method": m, "seed": s, "benchmark": b, "problem": str(p), "metric": "pass@1"}
        | {"value": float(p < solved[m]), "n": 2}
        for m, s, b, p in keys
    ]
    return pd.DataFrame(rows)


def score_frame():
    spent = {("rollout_tokens", 1): 1000.0, ("rollout_tokens", 2): 3000.0}
    spent |= {("seconds", 1): 20.0, ("seconds", 2): 40.0}
    rows = [
        {"method": m, "seed": seed, "benchmark": "training", "metric": metric, "value": value}
        for m in TRAINED
        for (metric, seed), value in spent.items()
    ]
    return pd.DataFrame(rows)


def evidence_of(**changes):
    optima, curves = likelihood_frames()
    frames = ClaimInputs(
        scores=score_frame(),
        problem_scores=problem_frame(),
        steps=step_frame(),
        optimal_temperatures=optima,
        policy=policy_frame(),
        likelihood_curves=curves,
    )
    return dataclasses.replace(frames, **changes)


EVIDENCE = evidence_of()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    assert write_figures(STUDY, EVIDENCE, folder) == {}
    return folder


# All figures ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_redrawn_from_its_csv_to_the_same_bytes(name, drawn, tmp_path):
    data = pd.read_csv(drawn / f"{name}.csv")
    save(redraw(name, drawn / f"{name}.csv", STUDY), data, tmp_path, name)
    for suffix in ("svg", "png", "csv"):
        again = (tmp_path / f"{name}.{suffix}").read_bytes()
        assert again == (drawn / f"{name}.{suffix}").read_bytes(), suffix


def test_the_users_own_matplotlib_settings_change_nothing(drawn, tmp_path):
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 20, "svg.hashsalt": "other"}):
        data = FIGURES["entropy"].data(STUDY, EVIDENCE)
        save(FIGURES["entropy"].draw(data, appearances(STUDY)), data, tmp_path, "entropy")
    assert (tmp_path / "entropy.svg").read_bytes() == (drawn / "entropy.svg").read_bytes()


@pytest.mark.parametrize("name", FIGURES)
def test_files_carry_no_date_and_figures_a_title_and_a_caption(name, drawn):
    assert "dc:date" not in (drawn / f"{name}.svg").read_text()
    assert FIGURES[name].title
    assert FIGURES[name].caption.endswith(".")


@pytest.mark.parametrize("name", ["temperatures", "learning_curves", "benchmark_deltas", "entropy"])
def test_every_trained_method_has_its_name_in_the_figure(name):
    figure = FIGURES[name].draw(FIGURES[name].data(STUDY, EVIDENCE), appearances(STUDY))
    texts = {axes.get_title(loc="left") for axes in figure.axes}
    texts |= {tick.get_text() for axes in figure.axes for tick in axes.get_yticklabels()}
    assert set(TRAINED) <= texts


def test_a_study_without_evidence_draws_nothing_and_says_why(tmp_path):
    (tmp_path / "meta_policy.svg").write_text("from an earlier run")
    study = study_of(METHODS[1:3])
    scores = problem_frame().assign(metric="pass@8")
    inputs = ClaimInputs(scores=score_frame(), problem_scores=scores, steps=step_frame().head(0))
    skipped = write_figures(study, inputs, tmp_path)
    assert set(skipped) == set(FIGURES)
    assert skipped["temperatures"] == "steps.csv has no rows"
    assert skipped["meta_policy"] == "there is no policy.csv"
    assert skipped["cost_accuracy"] == "the study has no pass@1"
    assert list(tmp_path.iterdir()) == [], (
        "a figure of an earlier run would be taken for this one's"
    )


def test_only_what_lacks_evidence_is_skipped(tmp_path):
    skipped = write_figures(STUDY, evidence_of(policy=policy_frame().head(0)), tmp_path)
    assert skipped == {"meta_policy": "policy.csv has no rows"}
    assert len(list(tmp_path.iterdir())) == 3 * (len(FIGURES) - 1)


def test_a_study_without_the_base_model_has_no_gains():
    study, lacking = study_of(METHODS[1:]), []
    for name, kind in FIGURES.items():
        try:
            kind.data(study, EVIDENCE)
        except NotDrawn as reason:
            lacking.append((name, str(reason)))
    reason = "the base model is not among the methods"
    assert lacking == [("benchmark_deltas", reason), ("performance_profiles", reason)]


def test_a_run_of_one_step_one_seed_and_one_candidate_is_drawn(tmp_path):
    one = {"method": "tampo", "seed": 1, "step": 0}
    steps = step_frame().query("method == 'tampo' and seed == 1 and step == 0")
    policy = pd.DataFrame([one | {"candidate": 1.0, "probability": 1.0}])
    optima, curves = likelihood_frames()
    inputs = evidence_of(
        steps=steps,
        policy=policy,
        optimal_temperatures=optima[optima["temperature"] == 0.7],
        likelihood_curves=curves[curves["temperature"] == 0.7],
    )
    assert write_figures(STUDY, inputs, tmp_path) == {}


# Data of single figures -----------------------------------------------------------------------------


def test_a_running_mean_is_centred_and_shorter_at_the_ends_and_skips_missing_values():
    reward = [0.0, 3.0, np.nan, 6.0, *[1.0] * 26]
    steps = pd.DataFrame({"method": "a", "seed": 1, "step": range(30), "reward": reward})
    # A tenth of 30 steps: a window of 3.
    data = smoothed(steps.iloc[::-1], "reward").set_index("step")
    assert set(data["window"]) == {3}
    assert data.loc[[0, 1, 2, 3, 4], "smoothed"].tolist() == [1.5, 1.5, 4.5, 3.5, 8 / 3]


def test_a_running_mean_does_not_reach_into_another_run():
    steps = pd.DataFrame(
        {
            "method": "a",
            "seed": np.repeat([1, 2], 30),
            "step": [*range(30)] * 2,
            "reward": np.repeat([0.0, 1.0], 30),
        }
    )
    assert smoothed(steps, "reward")["smoothed"].tolist() == steps["reward"].tolist()


def test_a_quantity_that_was_never_logged_is_not_drawn():
    steps = step_frame().assign(reward=np.nan)
    with pytest.raises(NotDrawn, match="no value of reward"):
        smoothed(steps, "reward")


def test_bands_reach_from_the_lowest_to_the_highest_seed():
    data = pd.DataFrame({"seed": [1, 2, 3], "step": 0, "x": [1.0, 2.0, 6.0]})
    assert over_seeds(data, "x").loc[0].tolist() == [3.0, 1.0, 6.0]


def test_curves_mark_the_largest_likelihood_and_leave_zero_advantage_out():
    data = FIGURES["likelihood_curves"].data(STUDY, EVIDENCE)
    assert set(data["sign"]) == {"positive", "negative"}
    assert set(data["seed"]) == {1}
    assert list(data["method"].unique()) == ["cold", "hot"]
    assert data.groupby(["method", "sign", "row"])["peak"].sum().eq(1).all()
    # Row 0 rises to the end of the range, row 1 has its peak at 1.0.
    assert data[data["peak"]].groupby("row")["temperature"].unique().map(list).tolist() == [
        [1.3],
        [1.0],
    ]


def test_curves_of_a_study_without_fixed_temperatures_are_those_of_what_it_has():
    study = study_of([METHODS[0], METHODS[3]])
    assert set(FIGURES["likelihood_curves"].data(study, EVIDENCE)["method"]) == {"tampo"}
    with pytest.raises(NotDrawn, match="no method keeps a fixed temperature"):
        FIGURES["optimal_temperatures"].data(study, EVIDENCE)


def test_separation_of_optimal_temperatures_by_hand():
    optima, _ = likelihood_frames()
    counts = optima[(optima["method"] == "cold") & (optima["seed"] == 1)]
    # Positive 1, 2, 3 and negative 3, 2, 1 at the three candidates: of 36 pairs positive is above
    # in 2*3 + 3*(3+2) = 21 and equal in 1*3 + 2*2 + 3*1 = 10.
    assert separation(counts) == pytest.approx((21 + 5) / 36)
    # Means: (0.7 + 2.0 + 3.9) / 6 = 1.1 and (2.1 + 2.0 + 1.3) / 6 = 0.9.
    assert mean_difference(counts) == pytest.approx(0.2)
    swapped = counts.replace({"sign": {"positive": "negative", "negative": "positive"}})
    assert separation(swapped) == pytest.approx(1 - separation(counts))


def test_separation_is_unknown_where_a_sign_has_no_trajectory():
    optima, _ = likelihood_frames()
    assert np.isnan(
        separation(optima.assign(count=optima["count"] * (optima["sign"] != "negative")))
    )


def test_fixed_temperatures_are_the_lowest_the_middle_and_the_highest():
    temperatures = [1.5, 0.6, 0.9, 1.2, 1.0]
    methods = [
        {"name": f"t{t}", "policy": "fixed", "settings": {"temperature": t}} for t in temperatures
    ]
    own = {"name": "own", "policy": "fixed", "settings": {"temperature": 0.1}}
    own["training"] = {"learning_rate": 0.5}
    found = fixed_temperatures(study_of([*methods, own]))
    assert found == {"t0.6": 0.6, "t1.0": 1.0, "t1.5": 1.5}
    assert fixed_temperatures(STUDY) == {"cold": 0.7, "hot": 1.3}


def test_gains_over_base_are_in_percentage_points_with_their_interval():
    data = FIGURES["benchmark_deltas"].data(STUDY, EVIDENCE).set_index(["method", "benchmark"])
    assert set(data.index) == {(m, b) for m in TRAINED for b in [AVERAGE, *BENCHMARKS]}
    # Cold solves 2 of 4 problems and base 1.
    assert data.loc[("cold", "sums"), "difference"] == pytest.approx(25)
    assert (data["low"] <= data["difference"]).all()
    assert (data["difference"] <= data["high"]).all()


def test_costs_are_means_over_seeds_with_their_range_and_none_for_the_base_model():
    data = cost_data(STUDY, EVIDENCE).set_index("method")
    assert data.loc["hot", ["tokens", "tokens_low", "tokens_high"]].tolist() == [2000, 1000, 3000]
    assert data.loc["hot", ["seconds", "seconds_low", "seconds_high"]].tolist() == [30, 20, 40]
    assert data.loc["base", ["tokens", "seconds"]].tolist() == [0, 0]
    assert data.loc["hot", "score"] == pytest.approx(75)
    with pytest.raises(NotDrawn, match="no rollout_tokens of cold"):
        cost_data(STUDY, evidence_of(scores=score_frame().head(0)))


def test_learned_distributions_are_shown_with_the_draws_of_the_same_methods_only():
    data = FIGURES["meta_policy"].data(STUDY, EVIDENCE)
    assert set(data["method"]) == {"tampo"}
    learned, drawn = (data[data["kind"] == kind] for kind in ("probability", "drawn"))
    assert learned.groupby(["seed", "step"])["probability"].sum().to_numpy() == pytest.approx(1)
    assert len(drawn) == 2 * STEPS
    assert drawn["probability"].isna().all()


# Layout ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 4, 5, 25])
def test_small_multiples_have_one_panel_per_title_at_one_page_width(count):
    titles = [f"method {i}" for i in range(count)]
    figure, panels = small_multiples(titles)
    assert isinstance(figure, Figure)
    assert [axes.get_title(loc="left") or axes.get_title() for axes in panels] == titles
    assert figure.get_size_inches()[0] == WIDTH
    limits = {(axes.get_xlim(), axes.get_ylim()) for axes in panels}
    panels[-1].plot([-3, 9], [-1, 7])
    assert len(limits) == len({(axes.get_xlim(), axes.get_ylim()) for axes in panels}) == 1


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30), st.floats(0.1, 5))
def test_names_are_moved_apart_in_their_order(heights, gap):
    wanted = np.array(heights)
    moved = spread(wanted, gap)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(moved[order]) >= gap - 1e-6).all()
    if (np.diff(wanted[order]) >= gap).all():
        np.testing.assert_allclose(moved, wanted, atol=1e-6)
