"""The responses on the page: bounded, the same every time, rare outcomes first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.finished_study import HOSTILE, STUDY, write_finished_study

from tampo.report.page.samples import _deal, choose_samples


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write_finished_study(tmp_path_factory.mktemp("results") / STUDY.name)


def test_everything_is_shown_where_it_fits(results):
    choice = choose_samples(STUDY, results)
    assert choice.total == len(choice.responses) == 84
    assert len(choice.problems) == 7
    assert all(count["total"] == count["shown"] for count in choice.counts)
    for response in choice.responses:
        assert response["response"] and choice.problems[response["problem"]]["prompt"]


def test_a_limit_cuts_common_outcomes_and_keeps_rare_ones(results):
    choice = choose_samples(STUDY, results, most=20)
    assert len(choice.responses) == 20 and choice.total == 84
    shown = {(c["benchmark"], c["method"], c["outcome"]): c["shown"] for c in choice.counts}
    # 2 benchmarks: base wrong, unparseable, truncated; cold correct, wrong; tampo correct.
    assert len(shown) == 12 and min(shown.values()) == 1
    assert shown["sums", "base", "truncated"] == 1
    assert sum(shown.values()) == 20
    assert choice == choose_samples(STUDY, results, most=20)


def test_first_samples_of_all_seeds_come_before_second_ones(results):
    choice = choose_samples(STUDY, results, most=48)
    tampo = [
        (r["sample"], choice.problems[r["problem"]]["id"], r["seed"])
        for r in choice.responses
        if r["method"] == "tampo" and choice.problems[r["problem"]]["benchmark"] == "sums"
    ]
    problems = list(dict.fromkeys(problem for _, problem, _ in tampo))
    everything = [(s, p, seed) for s in (0, 1) for p in problems for seed in STUDY.seeds]
    assert 2 < len(tampo) < 16 and tampo == everything[: len(tampo)]


def test_long_responses_keep_their_beginning_and_end(results):
    choice = choose_samples(STUDY, results, characters=30)
    (text, cut), *_ = [(r["response"], r["cut"]) for r in choice.responses if r["cut"]]
    assert cut == len(HOSTILE) - 30
    assert text == f"{HOSTILE[:10]} […] {HOSTILE[-20:]}"


@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.integers(0, 200))
def test_groups_are_dealt_out_evenly(sizes, most):
    taken = _deal(sizes, most)
    assert sum(taken) == min(most, sum(sizes))
    assert all(0 <= t <= size for t, size in zip(taken, sizes, strict=True))
    unfinished = [t for t, size in zip(taken, sizes, strict=True) if t < size]
    # No group that could have more has fewer than another by more than one.
    assert not unfinished or min(unfinished) >= max(taken) - 1
