"""The dry run of a temperature policy: every registered one passes, and each broken rule is named."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tampo.cli import main
from tampo.temperature.contract import CONTEXT, PolicyFault, trial
from tampo.temperature.registry import REGISTRY, build_policy

NEEDED = {"fixed": {"temperature": 0.9}, "replay": {"method": "another"}}

POLICIES = '''
import dataclasses, random
import numpy as np, torch
from typing import ClassVar
from pydantic import Field, field_validator
from tampo import ClosedLoopPolicy, OpenLoopPolicy, PolicySettings, Temperature

class Base(ClosedLoopPolicy):
    STATE = ("temperature",)
    def __init__(self): self.temperature, self.steps = 1.0, 0
    def draw(self, step): return self.temperature
    def observe(self, log_likelihoods, advantages, feedback=None):
        self.temperature *= 0.99
        self.steps += 1

class Late(Base):
    """Wrong from step 40 on, as a schedule of a fixed length is."""
    value = None
    def draw(self, step): return 1.0 if step < 40 else self.value

class Good(Base): pass
'''
POLICIES += "".join(
    f"class Draws{name}(Late):\n    value = {value}\n"
    for name, value in {
        "Negative": "-0.5",
        "Zero": "0.0",
        "Nan": "float('nan')",
        "Infinite": "float('inf')",
        "Huge": "1e30",
        "AboveFive": "5.0000001",
        "Tiny": "1e-38",
        "Tiniest": "5e-324",
        "None": "None",
        "Text": "'1.0'",
        "True": "True",
        "Complex": "1j",
        "Three": "[1.0, 1.1, 1.2]",
        "Ragged": "[1.0, [1.1]]",
        "Nested": "[[1.0, 1.0]] * 2",
        "OneBad": "np.array([1.0, 1.0, 1.0, np.nan])",
        "Gradient": "torch.ones(4, requires_grad=True)",
    }.items()
)
POLICIES += """
class RaisesInDraw(Base):
    def draw(self, step):
        return {0: 1.0}.get(step, 1.0) if step < 40 else {}[step]
class RaisesInObserve(Base):
    def observe(self, log_likelihoods, advantages, feedback=None):
        assert feedback.step < 2, "no rewards"
class RaisesInState(Base):
    STATE = ("temperature", "momentum")
class RaisesInLoad(Base):
    def load_state_dict(self, state):
        self.temperature = state["T"]
class RaisesInDiagnostics(Base):
    def diagnostics(self): return {"gain": 1 / (self.steps - 1)}
class RaisesInInit(Base):
    def __init__(self): raise OSError("no such table")
class RandomDraw(Base):
    def draw(self, step): return 1.0 + 0.1 * np.random.random()
class RandomObserve(Base):
    def observe(self, log_likelihoods, advantages, feedback=None):
        self.temperature = 1.0 + 0.1 * random.random()
class NotFinite(Base):
    def observe(self, log_likelihoods, advantages, feedback=None):
        self.temperature *= feedback.reward
class Forgets(Base):
    def draw(self, step): return 1.0 + 0.01 * self.steps
class ForgetsLate(Base):
    def draw(self, step): return 1.0 if self.steps < 45 else 1.1
class ForgetsDiagnostics(Base):
    def diagnostics(self): return {"seen": self.steps}
class KeepsASet(Base):
    STATE = ("temperature", "seen")
    seen = [{1, 2}]
class KeepsAGenerator(Base):
    STATE = ("temperature", "rng")
    rng = np.random.default_rng(0)
class KeepsADataclass(Base):
    STATE = ("temperature", "gains")
    gains = {"up": dataclasses.make_dataclass("Gains", ["up"])(1.0)}
class KeepsAGradient(Base):
    STATE = ("temperature", "weights")
    weights = torch.zeros(2, requires_grad=True)
class KeepsObjects(Base):
    STATE = ("temperature", "table")
    table = np.array([None, 1.0])
class ShowsASet(Base):
    def diagnostics(self): return {"seen": {1, 2}}
class ShowsNothing(Base):
    def diagnostics(self): return None
class StateIsAList(Base):
    def state_dict(self): return [self.temperature]
class Elsewhere(Base):
    candidates = (0.25,)
class TooHot(Base):
    candidates = (0.6, 7.0)
class NoCandidates(Base):
    candidates = None
"""
MESSAGES = {
    "DrawsNegative": r"DrawsNegative\.draw at step 40 returned -0\.5; legal: a finite number in \(0, 5\]",
    "DrawsZero": r"draw at step 40 returned 0\.0; legal: a finite number in \(0, 5\], or one for each",
    "DrawsNan": r"draw at step 40 returned nan; legal: a finite number in \(0, 5\]",
    "DrawsInfinite": r"draw at step 40 returned inf; legal: a finite number in \(0, 5\]",
    "DrawsHuge": r"draw at step 40 returned 1e\+30; legal: a finite number in \(0, 5\]",
    "DrawsAboveFive": r"draw at step 40 returned 5\.0000001; legal: a finite number in \(0, 5\]",
    "DrawsTiny": r"draw at step 40 returned 1e-38, by which logits divide to infinity in fp32; legal: ",
    "DrawsTiniest": r"draw at step 40 returned 5e-324, by which logits divide to infinity in fp32; legal: ",
    "DrawsNone": r"draw at step 40 returned None of type NoneType; legal: ",
    "DrawsText": r"draw at step 40 returned '1\.0' of type str; legal: ",
    "DrawsTrue": r"draw at step 40 returned True of type bool; legal: ",
    "DrawsComplex": r"draw at step 40 returned 1j of type complex; legal: ",
    "DrawsThree": r"returned \[1\.0, 1\.1, 1\.2\] of shape \(3,\); .* each of the group's 4 rollouts",
    "DrawsRagged": r"draw at step 40 returned \[1\.0, \[1\.1\]\] of type list; legal: ",
    "DrawsNested": r"draw at step 40 returned .* of shape \(2, 2\); legal: ",
    "DrawsOneBad": r"draw at step 40 returned \[1\.0, 1\.0, 1\.0, nan\]; legal: ",
    "DrawsGradient": r"draw at step 40 returned tensor.* of type Tensor; legal: ",
    "RaisesInDraw": r"RaisesInDraw\.draw at step 40 raised KeyError: 40",
    "RaisesInObserve": r"RaisesInObserve\.observe at step 2 raised AssertionError: no rewards",
    "RaisesInState": r"state_dict at step 0 raised AttributeError: .*no attribute 'momentum'",
    "RaisesInLoad": r"RaisesInLoad\.load_state_dict raised KeyError: 'T'",
    "RaisesInDiagnostics": r"diagnostics at step 0 raised ZeroDivisionError",
    "RaisesInInit": r"RaisesInInit cannot be built of \{\}: OSError: no such table",
    "RandomDraw": r"draw at step 0 returned 1\.\d+, then 1\.\d+; legal: one answer until observe",
    "RandomObserve": r"draw gave other temperatures for the same seed and batches",
    # The sixth batch, step 5, has no reward: its mean is NaN.
    "NotFinite": r"NotFinite\.draw at step \d+ returned (nan|0\.0); legal: ",
    "Forgets": r"state_dict does not hold all .* stopped before step 1 .*not restore: steps$",
    "ForgetsLate": r"state_dict does not hold all .* stopped before step 1 .*not restore: steps$",
    "ForgetsDiagnostics": r"diagnostics\(\) of step 1 are .*\"seen\": 1.* not restore: steps$",
    "KeepsASet": r"state_dict at step 0 raised UnsavableValue: KeepsASet\.seen\[0\] is a set; a checkpoint",
    "KeepsAGenerator": r"KeepsAGenerator\.rng is a numpy\.random.*Generator; a checkpoint can hold",
    "KeepsADataclass": r"KeepsADataclass\.gains\['up'\] is a .*Gains; a checkpoint can hold",
    "KeepsAGradient": r"KeepsAGradient\.weights is a tensor on cpu \(requires_grad: True",
    "KeepsObjects": r"KeepsObjects\.table is a numpy\.ndarray of dtype object; a checkpoint can hold",
    "ShowsASet": r"diagnostics at step 0 \['seen'\] is \{1, 2\} of type set: .*; legal: values of JSON",
    "ShowsNothing": r"diagnostics at step 0 returned None; legal: a dict",
    "StateIsAList": r"state_dict at step 0 returned \[0\.99\]; legal: a dict with text keys",
    "Elsewhere": r"candidates holds \[0\.25\], none of the study's",
    "TooHot": r"TooHot\.candidates holds 7\.0; legal: a finite number in \(0, 5\]",
    "NoCandidates": r"NoCandidates\.candidates raised TypeError",
}

CLASSES = {
    "class Saw:\n    candidates = ()": r":1: class Saw lacks draw, observe, .*Settings; derive it from",
    "class Saw(OpenLoopPolicy):\n    pass": r":3: class Saw lacks draw; derive it from",
    "class Saw(OpenLoopPolicy):\n    def draw(self): return 1.0": (
        r":4: Saw\.draw cannot be called as draw\(step\): too many positional arguments"
    ),
    "class Saw(OpenLoopPolicy):\n    def draw(self, step): return 1.0\n    def observe(self): pass": (
        r":5: Saw\.observe cannot be called as observe\(log_likelihoods, advantages, feedback\)"
    ),
    "class Saw(OpenLoopPolicy):\n    Settings = dict\n    def draw(self, step): return 1.0": (
        r":3: Saw\.Settings is <class 'dict'>; legal: a class that derives from tampo\.PolicySettings"
    ),
    "class Saw(ClosedLoopPolicy):\n    STATE = ('a')\n    def draw(self, step): return 1.0": (
        r":3: Saw\.STATE is 'a'; legal: a tuple of names of attributes"
    ),
    "class Saw(OpenLoopPolicy):\n    def draw(self, step) -> float\n": r":4: SyntaxError: expected ':'",
    "import scipy_that_is_not_there": r":3: ModuleNotFoundError: No module named 'scipy_that",
    "x = 1\ny = x / 0": r":4: ZeroDivisionError: division by zero",
    "import sys\nsys.exit('no GPU')": r":4: SystemExit: no GPU",
    "class Tooth(OpenLoopPolicy): pass": r"defines no class 'Saw'; classes: Tooth$",
    "Saw = 3": r"defines no class 'Saw'; classes: none$",
    (
        "class SawSettings(PolicySettings):\n    period: int = 1\n"
        "class Saw(OpenLoopPolicy):\n    Settings = SawSettings\n    def draw(self, step): return 1.0"
    ): r":5: Saw cannot be built of \{'period': 1\}: TypeError: Saw\(\) takes no arguments",
}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("policies") / "faulty.py"
    path.write_text(POLICIES)
    return path


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_registered_policy_passes(name):
    path = trial(name, NEEDED.get(name, {}))
    assert len(path) == CONTEXT.steps
    for drawn in path:
        inside = np.atleast_1d(drawn)
        assert len(inside) in (1, CONTEXT.group_size)
        # EAD's rule has a range of its own, from its coldest token on.
        lowest = 0.1 if name == "ead" else CONTEXT.candidates[0]
        assert inside.min() >= lowest - 1e-9
        assert inside.max() <= CONTEXT.candidates[-1] + 1e-9


def test_a_users_policy_passes_with_the_temperatures_it_draws(file):
    expected = [0.99**step for step in range(CONTEXT.steps)]
    assert trial(f"{file}:Good", {}) == pytest.approx(expected)


@pytest.mark.parametrize(("cls", "message"), MESSAGES.items(), ids=MESSAGES)
def test_each_broken_rule_is_one_line_with_file_and_line(file, cls, message):
    with pytest.raises(PolicyFault, match=message) as caught:
        trial(f"{file}:{cls}", {})
    text = str(caught.value)
    place, line = text.split(": ")[0].rsplit(":", 1)
    assert place == str(file) and "\n" not in text
    assert 1 <= int(line) <= len(POLICIES.splitlines())


def test_an_error_names_the_line_that_raised_it(file):
    with pytest.raises(PolicyFault) as caught:
        trial(f"{file}:RaisesInDraw", {})
    line = int(str(caught.value).split(":")[1])
    assert "{}[step]" in POLICIES.splitlines()[line - 1]


def test_settings_that_fail_for_another_reason_than_their_value_are_named(tmp_path):
    path = tmp_path / "saw.py"
    path.write_text(
        "from tampo import OpenLoopPolicy, PolicySettings\nfrom pydantic import field_validator\n"
        "class SawSettings(PolicySettings):\n    period: int = 1\n"
        "    @field_validator('period')\n    def _whole(cls, value): return value / 0\n"
        "class Saw(OpenLoopPolicy):\n    Settings = SawSettings\n    def draw(self, step): return 1.0\n"
    )
    with pytest.raises(PolicyFault, match=r"saw\.py:6: SawSettings raised ZeroDivisionError"):
        trial(f"{path}:Saw", {"period": 3})


HEAD = "\nfrom tampo import ClosedLoopPolicy, OpenLoopPolicy, PolicySettings\n"


@pytest.mark.parametrize(("body", "message"), CLASSES.items())
def test_a_file_that_holds_no_policy_is_one_line(tmp_path, body, message, capsys):
    path = tmp_path / "saw.py"
    path.write_text(("" if body.startswith("class Saw:") else HEAD) + body + "\n")
    with pytest.raises(PolicyFault, match=message) as caught:
        trial(f"{path}:Saw", {})
    assert "\n" not in str(caught.value)
    assert main(["policies", f"{path}:Saw"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"error: {caught.value}"


def test_annotations_of_the_future_work(tmp_path):
    path = tmp_path / "saw.py"
    path.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "from typing import ClassVar\nfrom pydantic import Field\n"
        "from tampo import ClosedLoopPolicy, PolicySettings, Temperature\n"
        "@dataclass\nclass Gains:\n    up: float = 1.01\n    kind: ClassVar[str] = 'x'\n"
        "class SawSettings(PolicySettings):\n    low: Temperature = 0.8\n"
        "    period: int = Field(default=5, ge=2)\n"
        "class Saw(ClosedLoopPolicy):\n    Settings = SawSettings\n"
        "    STATE: ClassVar[tuple[str, ...]] = ('temperature',)\n"
        "    def __init__(self, low: float, period: int) -> None:\n"
        "        self.gains, self.temperature = Gains(), low\n"
        "    def draw(self, step: int) -> float: return self.temperature\n"
        "    def observe(self, log_likelihoods, advantages, feedback=None) -> None:\n"
        "        self.temperature = min(self.temperature * self.gains.up, 1.5)\n"
    )
    path_of = trial(f"{path}:Saw", {})
    assert path_of[:2] == [0.8, pytest.approx(0.808)]


KEPT = {
    "float32": "np.float32(0.1)",
    "int64": "np.int64(2**62 + 1)",
    "bool": "np.bool_(True)",
    "array": "np.arange(6, dtype=np.float32).reshape(2, 3) / 7",
    "empty array": "np.zeros((0, 3))",
    "counts": "np.array([1, 2], dtype=np.uint8)",
    "not finite": "np.array([np.nan, -np.inf])",
    "tensor": "torch.arange(4, dtype=torch.bfloat16) / 3",
    "tensor of counts": "torch.tensor([[1, 2]])",
    "scalar tensor": "torch.tensor(0.1)",
    "minus infinity": "float('-inf')",
    "tuple": "(1, (2.5, 'a'), [np.float32(3)])",
    "counts by number": "{0: 3, 1: {(1, 2): 4}}",
    "large": "2**100",
    "nothing": "None",
}


@pytest.mark.parametrize("value", KEPT.values(), ids=KEPT)
def test_a_state_of_any_of_these_comes_back_exactly(tmp_path, value):
    path = tmp_path / "kept.py"
    path.write_text(
        "import numpy as np, torch\nfrom tampo import ClosedLoopPolicy\n"
        "class Kept(ClosedLoopPolicy):\n    STATE = ('kept', 'steps')\n"
        f"    def __init__(self): self.kept, self.steps = {value}, np.int64(0)\n"
        "    def draw(self, step): return 1.0 + 0.01 * float(self.steps)\n"
        "    def observe(self, log_likelihoods, advantages, feedback=None): self.steps += 1\n"
        "    def diagnostics(self): return {'kind': str(type(self.kept)), 'value': repr(self.kept)}\n"
    )
    trial(f"{path}:Kept", {})
    one, other = (build_policy(f"{path}:Kept", {}, CONTEXT) for _ in range(2))
    other.policy.kept = "something else"
    other.load_state_dict(json.loads(json.dumps(one.state_dict(), allow_nan=False)))
    assert type(other.kept) is type(one.kept) and repr(other.kept) == repr(one.kept)
    assert getattr(other.kept, "dtype", None) == getattr(one.kept, "dtype", None)


def test_a_state_dict_of_the_authors_own_may_hold_arrays(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        "import numpy as np\nfrom tampo import OpenLoopPolicy\n"
        "class Own(OpenLoopPolicy):\n"
        "    def __init__(self): self.best = np.full(3, 1.0, dtype=np.float32)\n"
        "    def draw(self, step): return self.best.mean()\n"
        "    def observe(self, log_likelihoods, advantages, feedback=None):\n"
        "        self.best = np.append(self.best[1:], np.float32(1 + feedback.step / 100))\n"
        "    def state_dict(self): return {'best': self.best}\n"
        "    def load_state_dict(self, state): self.best = state['best']\n"
        "    def diagnostics(self): return {'best': self.best, 'newest': self.best[-1]}\n"
    )
    assert trial(f"{path}:Own", {})[3] == pytest.approx(1.01)
    policy = build_policy(f"{path}:Own", {}, CONTEXT)
    assert policy.diagnostics() == {"best": [1.0, 1.0, 1.0], "newest": 1.0}


def test_the_run_of_a_study_is_the_run_that_is_tried(file):
    short = replace(CONTEXT, steps=30)
    assert len(trial(f"{file}:DrawsNan", {}, short)) == 30
    with pytest.raises(PolicyFault, match="each of the group's 6 rollouts"):
        trial(f"{file}:DrawsThree", {}, replace(CONTEXT, group_size=6))


def test_the_command_prints_temperatures_and_names_faults(file, capsys):
    assert main(["policies", "mixed", "--settings", '{"centre": 1.0, "spread": 0.3}']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "   0  0.700 0.900 1.100 1.300"
    assert main(["policies", f"{file}:DrawsThree"]) == 1
    assert "draw at step 40 returned [1.0, 1.1, 1.2]" in capsys.readouterr().err
    assert main(["policies", "fixed"]) == 2
    assert "error: --settings.temperature: " in capsys.readouterr().err
    assert main(["policies", "fixed", "--settings", "{"]) == 2
    assert "--settings: not JSON" in capsys.readouterr().err
    assert main(["policies", "fixed", "--settings", "[]"]) == 2
    assert "--settings: must be a JSON object" in capsys.readouterr().err
