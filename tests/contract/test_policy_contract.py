"""The contract of temperature policies: over the whole registry and one user-defined policy.

A new policy is picked up through `REGISTRY`. It appears in `SETTINGS` if its settings have no defaults
and in `RANDOM` if its temperatures depend on the seed.
"""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tampo.temperature.protocol import PolicyContext, RolloutFeedback, TemperaturePolicy
from tampo.temperature.registry import REGISTRY, build_policy

STEPS, GROUPS, GROUP_SIZE = 24, 3, 4
CANDIDATES = (0.6, 0.8, 1.0, 1.2, 1.5)
CONTEXT = PolicyContext(
    steps=STEPS,
    warmup_steps=3,
    candidates=CANDIDATES,
    seed=1,
    group_size=GROUP_SIZE,
    vocabulary=64,
    completion_tokens=8,
    recorded=tuple(np.linspace(0.7, 1.4, STEPS).tolist()),
)

SETTINGS = {
    "fixed": [{"temperature": 1.0}],
    "replay": [{"method": "another"}],
    "exp3": [{}, {"reward": "credit"}],
    "thompson": [{}, {"reward": "credit"}],
    "ucb": [{}, {"reward": "credit"}],
    "tampo": [
        {},
        {"normalisation": "softmax"},
        {"update": "policy-gradient"},
        {"standardise": True},
        {"shuffle_advantages": True},
    ],
}
"""Settings under which a policy is tested where its defaults are not enough."""

RANDOM = {"exp3", "tampo", "thompson", "ucb", "uniform", "user"}
"""Policies whose temperatures depend on the seed."""

USER_POLICY = '''
"""Random walk: the temperature a user might think of."""
from tampo.temperature.protocol import ClosedLoopPolicy
from tampo.seeds import generator

class Walk(ClosedLoopPolicy):
    STATE = ("temperature",)

    def __init__(self, seed):
        self.seed, self.temperature = seed, 1.0

    @classmethod
    def from_settings(cls, settings, context):
        return cls(context.seed)

    def draw(self, step):
        return self.temperature

    def observe(self, log_likelihoods, advantages, feedback=None):
        move = generator(self.seed, "temperature", feedback.step).choice([-0.1, 0.1])
        self.temperature = float(min(max(self.temperature + move, 0.6), 1.5))
'''

CASES = [
    pytest.param((name, chosen), id="-".join([name, *(f"{k}={v}" for k, v in chosen.items())]))
    for name in [*sorted(REGISTRY), "user"]
    for chosen in SETTINGS.get(name, [{}])
]


@pytest.fixture(scope="module")
def user_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("policies") / "walk.py"
    path.write_text(USER_POLICY)
    return f"{path}:Walk"


@pytest.fixture(params=CASES)
def make(request, user_file):
    """A function that builds the policy afresh for a seed; its name is an attribute."""
    name, chosen = request.param

    def build(seed=CONTEXT.seed) -> TemperaturePolicy:
        target = user_file if name == "user" else name
        return build_policy(target, chosen, replace(CONTEXT, seed=seed))

    build.name, build.settings = name, chosen
    return build


@dataclass(frozen=True)
class Batch:
    """One rollout batch with likelihoods under all of `CANDIDATES`."""

    log_likelihoods: np.ndarray
    advantages: np.ndarray
    feedback: RolloutFeedback

    def show(self, policy: TemperaturePolicy) -> None:
        columns = [CANDIDATES.index(t) for t in policy.candidates]
        policy.observe(self.log_likelihoods[:, columns], self.advantages, self.feedback)

    def in_order(self, order: np.ndarray) -> "Batch":
        rows = ("temperatures", "groups", "rewards", "lengths", "truncated", "answers")
        feedback = replace(self.feedback, **{k: getattr(self.feedback, k)[order] for k in rows})
        return Batch(self.log_likelihoods[order], self.advantages[order], feedback)


DEGENERATE = (
    "rewards all equal",
    "no reward",
    "some rewards missing",
    "one trajectory",
    "one group",
    "no entropy",
    "largest entropy",
    "likelihoods all equal",
    "likelihoods far apart",
)


def batch(seed: int, step: int, kind: str = "") -> Batch:
    """A random batch, spoilt in the way `kind` says; a function of its arguments."""
    rng = np.random.default_rng([seed, step])
    groups = {"one trajectory": 1, "one group": 1}.get(kind, GROUPS)
    size = 1 if kind == "one trajectory" else groups * GROUP_SIZE
    rewards = rng.integers(0, 2, size).astype(float)
    likelihoods = -rng.gamma(2.0, 0.5, (size, 1)) * (1 + rng.random((size, len(CANDIDATES))))
    entropy = rng.uniform(0.05, 3.0)
    if kind == "rewards all equal":
        rewards[:] = 1.0
    elif kind == "no reward":
        rewards[:] = np.nan
    elif kind == "some rewards missing":
        rewards[rng.random(size) < 0.5] = np.nan
    elif kind == "no entropy":
        entropy = 0.0
    elif kind == "largest entropy":
        entropy = float(np.log(CONTEXT.vocabulary))
    elif kind == "likelihoods all equal":
        likelihoods[:] = likelihoods[:, :1]
    elif kind == "likelihoods far apart":
        likelihoods *= 1e6
    index = np.repeat(np.arange(groups), GROUP_SIZE)[:size]
    known = np.nan_to_num(rewards)
    means = np.array([known[index == group].mean() for group in index])
    feedback = RolloutFeedback(
        step=step,
        temperatures=np.full(size, rng.choice(CANDIDATES)),
        groups=index,
        rewards=rewards,
        lengths=rng.integers(1, 50, size),
        truncated=rng.random(size) < 0.3,
        entropy=entropy,
        entropy_at_one=entropy * 0.9,
        answers=np.where(rng.random(size) < 0.2, -1, rng.integers(0, 3, size)),
    )
    return Batch(likelihoods, known - means, feedback)


def run(policy: TemperaturePolicy, batches: list[Batch], first: int = 0) -> list[list[float]]:
    """Return the temperatures of the steps from `first`, each a list, showing their batches."""
    temperatures = []
    for step in range(first, len(batches)):
        temperatures.append(np.atleast_1d(policy.draw(step)).tolist())
        batches[step].show(policy)
    return temperatures


def usual(seed: int = 0) -> list[Batch]:
    return [batch(seed, step) for step in range(STEPS)]


def as_json(value: object) -> str:
    return json.dumps(value, allow_nan=False)


def test_is_a_policy(make):
    policy = make()
    assert isinstance(policy, TemperaturePolicy)
    assert set(policy.candidates) <= set(CANDIDATES)


def test_same_inputs_same_temperatures_and_state_on_every_process(make):
    one, other = make(), make()
    before = np.random.get_state()
    temperatures = run(one, usual())
    after = np.random.get_state()
    assert after[2] == before[2]
    np.testing.assert_array_equal(after[1], before[1])
    assert run(other, usual()) == temperatures
    assert other.state_dict() == one.state_dict()
    assert other.diagnostics() == one.diagnostics()


def test_another_seed_differs_where_the_policy_is_random(make):
    differ = run(make(1), usual()) != run(make(2), usual())
    assert differ == (make.name in RANDOM)


def test_a_step_has_one_temperature_however_often_it_is_asked(make):
    plain = run(make(), usual())
    policy, asked = make(), []
    for step, rollout in enumerate(usual()):
        first = np.atleast_1d(policy.draw(step)).tolist()
        policy.draw(step + 1)
        asked.append(np.atleast_1d(policy.draw(step)).tolist())
        assert asked[-1] == first
        rollout.show(policy)
    assert asked == plain


def test_temperatures_have_the_shape_of_a_step(make):
    for temperatures in run(make(), usual()):
        assert len(temperatures) in (1, GROUP_SIZE)


@pytest.mark.parametrize("between", [False, True], ids=["after-observe", "after-draw"])
@pytest.mark.parametrize("cut", [0, 1, 5, 17])
def test_state_survives_json_in_the_middle_of_a_run(make, cut, between):
    whole, batches = make(), usual()
    temperatures = run(whole, batches)
    stopped = make()
    run(stopped, batches[:cut])
    if between:
        stopped.draw(cut)
    state = as_json(stopped.state_dict())
    resumed = make()
    resumed.load_state_dict(json.loads(state))
    assert as_json(resumed.state_dict()) == state
    assert run(resumed, batches, cut) == temperatures[cut:]
    assert as_json(resumed.state_dict()) == as_json(whole.state_dict())


def test_a_saved_state_does_not_change_with_the_policy_that_saved_or_loaded_it(make):
    policy, batches = make(), usual()
    run(policy, batches[:5])
    state = policy.state_dict()
    before, loaded = as_json(state), make()
    loaded.load_state_dict(state)
    run(policy, batches, 5)
    run(loaded, batches, 5)
    assert as_json(state) == before


def test_a_state_with_a_key_that_is_not_its_own_is_refused(make):
    state = make().state_dict() | {"unknown": 1}
    with pytest.raises(ValueError, match="unknown"):
        make().load_state_dict(state)


def test_the_order_of_the_trajectories_does_not_matter(make):
    if make.settings.get("shuffle_advantages"):
        pytest.skip("shuffles by position, so that another order is another shuffle")
    ordered = run(make(), usual())
    rng = np.random.default_rng(5)
    mixed = [b.in_order(rng.permutation(len(b.advantages))) for b in usual()]
    np.testing.assert_allclose(run(make(), mixed), ordered, rtol=0, atol=1e-12)


def require_inside(temperatures: list[list[float]]) -> None:
    values = np.concatenate(temperatures)
    assert np.isfinite(values).all()
    assert (values > 0).all()
    # By default no policy leaves the range of the study's candidates, the paper's 0.6 to 1.5.
    assert values.min() >= min(CANDIDATES) - 1e-12
    assert values.max() <= max(CANDIDATES) + 1e-12


@pytest.mark.parametrize("kind", DEGENERATE)
def test_degenerate_feedback_leaves_it_in_range_and_able_to_continue(make, kind):
    policy = make()
    batches = [batch(3, step, kind if step < 12 else "") for step in range(STEPS)]
    require_inside(run(policy, batches[:12]))
    state = as_json(policy.state_dict())
    resumed = make()
    resumed.load_state_dict(json.loads(state))
    require_inside(run(resumed, batches, 12))


def test_any_feedback_leaves_it_in_range(make):
    @settings(max_examples=15, derandomize=True, deadline=None, database=None)
    @given(
        st.integers(0, 2**32 - 1),
        st.lists(st.sampled_from(["", *DEGENERATE]), min_size=1, max_size=STEPS),
    )
    def check(seed, kinds):
        policy = make(seed)
        batches = [batch(seed, step, kind) for step, kind in enumerate(kinds)]
        require_inside(run(policy, batches))
        as_json(policy.state_dict())

    check()


def test_takes_a_run_of_one_step_and_one_candidate(user_file):
    small = replace(CONTEXT, steps=1, warmup_steps=0, candidates=(1.0,), recorded=(1.0,))
    for name in [*sorted(REGISTRY), user_file]:
        for chosen in SETTINGS.get(name, [{}]):
            policy = build_policy(name, chosen, small)
            rollout = batch(0, 0)
            columns = [CANDIDATES.index(t) for t in policy.candidates]
            assert np.all(np.asarray(policy.draw(0)) > 0), name
            policy.observe(
                rollout.log_likelihoods[:, columns], rollout.advantages, rollout.feedback
            )
            assert np.all(np.isfinite(policy.draw(0))), name


def test_the_tables_of_this_file_name_policies_that_exist():
    assert set(SETTINGS) <= set(REGISTRY)
    assert set(REGISTRY) | {"user"} >= RANDOM
