"""A change that should not move numbers leaves the golden study as it is, to the digit.

What was sampled, its rewards and its outcomes are compared exactly. Floats may differ as the kernels of
CPUs do: between AVX-512, AVX2 and neither, probabilities were seen to differ by 1e-5 of their value,
entropies and norms of gradients by 1e-7, and pretrained weights by 2e-3.
"""

import json

import pytest
from safetensors.torch import load_file
from support.golden import STUDY, TRAJECTORIES, WEIGHTS, pretrained, trajectories
from torch.testing import assert_close

GOLDEN = json.loads(TRAJECTORIES.read_text())
EXACT = ("rollouts", "responses", "outcomes", "reward", "tokens")
CLOSE = {"temperature": 1e-9, "entropy": 1e-6, "grad_norm": 1e-6, "probabilities": 1e-4}
REGENERATE = "is it meant to move? PYTHONPATH=tests python -m support.golden"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("golden")


@pytest.fixture(scope="module")
def weights(folder):
    return load_file(pretrained(folder))


@pytest.fixture(scope="module")
def found(folder, weights):
    return trajectories(folder)


def test_something_happens_in_the_golden_study():
    assert list(GOLDEN) == STUDY.trained_methods
    for trajectory in GOLDEN.values():
        assert len(set(trajectory["temperature"])) > 1 and len(set(trajectory["reward"])) > 1
        assert max(trajectory["grad_norm"]) > 0.1


def test_pretraining_ends_with_the_stored_weights(weights):
    stored = load_file(WEIGHTS)
    assert weights.keys() == stored.keys()
    for name, expected in stored.items():
        assert_close(weights[name], expected, rtol=0, atol=5e-3, msg=f"{name}; {REGENERATE}")


@pytest.mark.parametrize("method", STUDY.trained_methods)
def test_rollouts_rewards_and_outcomes_are_exactly_those(found, method):
    for name in EXACT:
        assert found[method][name] == GOLDEN[method][name], f"{name}; {REGENERATE}"


@pytest.mark.parametrize("method", STUDY.trained_methods)
def test_temperatures_and_probabilities_are_those(found, method):
    for name, tolerance in CLOSE.items():
        expected = pytest.approx(GOLDEN[method][name], rel=tolerance, abs=tolerance)
        assert found[method][name] == expected, f"{name}; {REGENERATE}"
