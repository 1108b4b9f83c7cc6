"""The dry run of a temperature policy: every registered one passes, and each broken rule is named."""

import pytest

from tampo.cli import main
from tampo.temperature.contract import CANDIDATES, GROUP_SIZE, STEPS, PolicyFault, trial
from tampo.temperature.registry import REGISTRY

NEEDED = {"fixed": {"temperature": 0.9}, "replay": {"method": "another"}}

FAULTY = """
import numpy as np

from tampo.temperature.protocol import ClosedLoopPolicy

class Base(ClosedLoopPolicy):
    STATE = ("temperature",)
    def __init__(self): self.temperature, self.steps = 1.0, 0
    def draw(self, step): return self.temperature
    def observe(self, log_likelihoods, advantages, feedback=None):
        self.temperature *= 0.99
        self.steps += 1

class Good(Base): pass
class Negative(Base):
    def draw(self, step): return 0.5 - step
class NotFinite(Base):
    def observe(self, log_likelihoods, advantages, feedback=None):
        self.temperature *= feedback.reward
class WrongShape(Base):
    def draw(self, step): return [1.0, 1.0, 1.0]
class Forgets(Base):
    def draw(self, step): return 1.0 + 0.01 * self.steps
class Random(Base):
    def draw(self, step): return 1.0 + 0.1 * np.random.random()
class NoJson(Base):
    STATE = ("temperature", "seen")
    seen = {1, 2}
class Elsewhere(Base):
    candidates = (0.25,)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "faulty.py"
    path.write_text(FAULTY)
    return path


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_registered_policy_passes(name):
    path = trial(name, NEEDED.get(name, {}))
    assert len(path) == STEPS
    for drawn in path:
        inside = drawn if isinstance(drawn, list) else [drawn]
        assert len(inside) in (1, GROUP_SIZE)
        assert all(CANDIDATES[0] - 1e-9 <= t <= CANDIDATES[-1] + 1e-9 for t in inside)


def test_a_users_policy_passes_with_the_temperatures_it_draws(file):
    assert trial(f"{file}:Good", {}) == pytest.approx([0.99**step for step in range(STEPS)])


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        ("Negative", r"draw\(1\) is -0\.5; allowed is finite and > 0"),
        # The sixth batch, step 5, has no reward: its mean is NaN.
        ("NotFinite", r"draw\(\d+\) is (nan|0\.0); allowed is finite and > 0"),
        ("WrongShape", r"draw\(0\) has shape \(3,\); allowed are one number and one for each"),
        ("Forgets", "state_dict\\(\\) does not hold all that it has learned"),
        ("Random", "the same seed and batches gave other temperatures"),
        ("NoJson", "state_dict\\(\\) after step 5: Object of type set is not JSON serializable"),
        ("Elsewhere", r"candidates \[0\.25\] are none of the study's"),
    ],
)
def test_each_broken_rule_is_named(file, cls, message):
    with pytest.raises(PolicyFault, match=message):
        trial(f"{file}:{cls}", {})


def test_the_command_prints_temperatures_and_names_faults(file, capsys):
    assert main(["policies", "mixed", "--settings", '{"centre": 1.0, "spread": 0.3}']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "   0  0.700 0.900 1.100 1.300"
    assert main(["policies", f"{file}:WrongShape"]) == 1
    assert "draw(0) has shape (3,)" in capsys.readouterr().err
    assert main(["policies", "fixed"]) == 2
    assert "error: --settings.temperature: " in capsys.readouterr().err
    assert main(["policies", "fixed", "--settings", "{"]) == 2
    assert "--settings: not JSON" in capsys.readouterr().err
