"""Generated answers, plausible and hostile: each has a named outcome, in time, and nothing stays behind.

A few hundred in the ordinary tests; TAMPO_FUZZ_ANSWERS says how many otherwise.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tampo.grading import OUTCOMES, UNDECIDED, grade_record, grader
from tampo.grading.workers.pool import WorkerPool

ANSWERS = int(os.environ.get("TAMPO_FUZZ_ANSWERS", "300"))
SLOWEST_SECONDS = grader.TIMEOUT_SECONDS * grader.WALL_TO_PROCESSOR + 4.0
"""Wall time where others keep the cores busy; on an idle core a comparison takes 2 s at most."""

GOLDS = (
    "7",
    r"\frac{3}{4}",
    r"\sqrt{51}+x",
    "x>3",
    r"[1,\infty)",
    r"\{1,2,3\}",
    "(2,-1)",
    r"\begin{pmatrix}1\\2\end{pmatrix}",
    "62.5\\%",
    r"3\text{ cm}",
    r"\text{Evelyn}",
    "x^2+y^2=13",
    "1+2i",
    "2^{2023}",
    "1,000,000",
)
_atoms = st.one_of(
    st.sampled_from(GOLDS),
    st.integers(0, 10**12).map(str),
    st.sampled_from(["0", "1", "9", "x", "y", "n", "i", "e", r"\pi", r"\infty", "0.5", "1e9", "E"]),
    st.sampled_from(
        [r"\text{cm}", r"\text{ million}", "%", r"^\circ", r"\mathbb{R}", r"\emptyset"]
    ),
    st.sampled_from(["½", "√2", "２", "\u200b", "−3", "\ud800", "\x00", "$", "&", "#", "~", "'"]),
)
_BINARY = r"""
    {0}+{1} {0}-{1} {0}{1} {0}\cdot{{{1}}} {0}/{1} {0}^{{{1}}} {0}_{{{1}}} \frac{{{0}}}{{{1}}} {0}:{1}
    \binom{{{0}}}{{{1}}} {0}={1} {0}<{1} {0}\le{{{1}}} {0},{1} ({0},{1}) [{0},{1}) \{{{0},{1}\}}
    {0}\cup{{{1}}} {0}\pm{{{1}}} \sqrt[{0}]{{{1}}} \log_{{{0}}}({1}) {0}\pmod{{{1}}} \gcd({0},{1})
    \sum_{{k=1}}^{{{0}}}{1} \prod_{{k=1}}^{{{0}}}{1} \int_{{0}}^{{{0}}}{1}\,dx \lim_{{x\to{{{0}}}}}{1}
    \begin{{pmatrix}}{0}&{1}\\{1}&{0}\end{{pmatrix}}
"""
_UNARY = r"""
    -{0} ({0}) |{0}| {0}! \sqrt{{{0}}} \sin({0}) \ln{{{0}}} e^{{{0}}} 9^{{9^{{{0}}}}} {0}^{{10^{{9}}}}
    \left\lfloor{{{0}}}\right\rfloor f({0}) {0}' \frac{{d}}{{dx}}{0} \overline{{{0}}}
    \color{{red}}{{{0}}} **{0}** {0}\\ \text{{{0}}} {0}}} {{{0} \boxed{{{0}}} x={0} \det{{{0}}} {0}\%
"""
_expressions = st.recursive(
    _atoms,
    lambda parts: st.one_of(
        st.builds(
            lambda form, a, b: form.format(a, b), st.sampled_from(_BINARY.split()), parts, parts
        ),
        st.builds(lambda form, a: form.format(a), st.sampled_from(_UNARY.split()), parts),
    ),
    max_leaves=12,
)
_noise = st.text(st.sampled_from("0123456789xyiEe+-*/^_{}()[]\\$%.,;:<>=!| \n'"), max_size=40)
_repeated = st.builds(lambda text, n: text * n, _atoms | _noise, st.integers(1, 300))
answers = st.one_of(*[_expressions] * 5, _noise, _repeated, st.text(max_size=30))


@pytest.mark.timeout(4 * 3600)
def test_every_generated_answer_has_a_named_outcome_in_time() -> None:
    counts: Counter[str] = Counter()
    undecided: list[tuple[str, str, str]] = []
    slowest: list[tuple[float, str]] = []
    slow_in_this_process: list[tuple[float, str]] = []

    @settings(max_examples=ANSWERS, deadline=None, database=None, derandomize=True,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(answers, st.sampled_from(GOLDS))
    def judge(answer: str, gold: str) -> None:
        started, worked = time.monotonic(), time.process_time()
        outcome = grade_record(rf"\boxed{{{answer}}}", {"id": "f", "answer": [gold]}).outcome
        seconds, own = time.monotonic() - started, time.process_time() - worked
        assert outcome in OUTCOMES and outcome != "truncated"
        assert seconds < SLOWEST_SECONDS, answer
        assert own < 2.0, answer  # this process has no limit: it must not need one
        counts[outcome] += 1
        if outcome in UNDECIDED:
            undecided.append((outcome, gold, answer[:60]))
        slowest.append((seconds, answer[:60]))
        slow_in_this_process.append((own, answer[:60]))

    with WorkerPool() as pool:
        before, grader._shared_pool = grader._shared_pool, pool
        try:
            grade_record(r"\boxed{x*x}", {"id": "f", "answer": ["x^2"]})  # loads what workers need
            judge()
            processes = [pool._server.process.pid, *(worker.pid for worker in pool._live)]
        finally:
            grader._shared_pool = before
    print(f"\n{sum(counts.values())} answers: {dict(counts)}")
    print("undecided:", undecided)
    print("slowest:", [(f"{s:.2f} s", a) for s, a in sorted(slowest)[-5:]])
    print("here:", [(f"{s:.2f} s", a) for s, a in sorted(slow_in_this_process)[-3:]])
    assert {"correct", "wrong", "unparseable"} <= counts.keys()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in processes):
        assert time.monotonic() < deadline, "a worker is left behind"
        time.sleep(0.05)
