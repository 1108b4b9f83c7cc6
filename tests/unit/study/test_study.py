"""Study files: every kind of mistake is one clear error; slices say what a result depends on."""

import copy
import json
import os
import sys

import pytest
import yaml
from support.paths import ROOT
from support.studies import micro_study

from tampo import layout
from tampo.cli import main
from tampo.study.slices import slice_of
from tampo.study.study import StudyError, load_study

STUDIES = sorted((ROOT / "workflow" / "studies").glob("*.yaml"))
SCHEMA = ROOT / "workflow" / "schemas" / "study.schema.json"


@pytest.fixture
def valid():
    """A valid study as the content of its file."""
    return {
        "name": "valid",
        "description": "A study to break.",
        "model": {"source": "pretrain"},
        "training": {"problems": "arithmetic-train", "micro_batch": 6},
        "methods": [
            {"name": "base", "policy": "untrained"},
            {"name": "warm", "policy": "fixed", "settings": {"temperature": 1.2}},
            {"name": "tampo", "policy": "tampo", "settings": {"alpha": 0.05, "top_p": 0.7}},
        ],
        "seeds": [1, 2],
        "benchmarks": [{"name": "sums", "samples": 8}, {"name": "counts", "samples": 8}],
        "tables": [{"name": "table1", "title": "All", "methods": ["base", "warm", "tampo"]}],
    }


def write(folder, content):
    path = folder / "valid.yaml"
    text = content if isinstance(content, str) else yaml.safe_dump(content)
    path.write_text(text, encoding="utf-8")
    return path


def change(content, path, value):
    """Return a copy of `content` with the value at a dotted path replaced."""
    content = copy.deepcopy(content)
    place = content
    *parents, last = path.split(".")
    for part in parents:
        place = place.setdefault(part, {}) if isinstance(place, dict) else place[int(part)]
    place[last if isinstance(place, dict) else int(last)] = value
    return content


# One per kind of mistake: where it is made, the value, and what the error must say.
BROKEN = {
    "unknown key": ("trainings", {}, ["trainings: unknown key; allowed: name, description, model"]),
    "unknown nested key": ("training.stepz", 3, ["training.stepz: unknown key", "steps", "got 3"]),
    "unknown model key": ("model.sed", 1, ["model.sed: unknown key; allowed: source, seed, set"]),
    "text for a number": ("training.steps", "many", ["training.steps:", "integer", "got 'many'"]),
    "fraction for a count": ("training.steps", 4.5, ["training.steps:", "integer", "got 4.5"]),
    "true for a number": ("training.steps", True, ["training.steps:", "integer", "got True"]),
    "null for a list": ("seeds", None, ["seeds:", "list", "got None"]),
    "text in pretraining": ("model.settings.steps", "9", ["model.settings.steps:", "got '9'"]),
    "unknown policy": (
        "methods.2.policy",
        "tempo",
        [
            "methods.tampo.policy: unknown policy 'tempo'; did you mean 'tampo'?; registered:",
            "fixed, linear",
        ],
    ),
    "no such policy file": (
        "methods.2.policy",
        "mine.py:Mine",
        ["methods.tampo.policy: policy 'mine.py:Mine': no file mine.py"],
    ),
    "unknown policy setting": (
        "methods.2.settings.beta",
        1,
        ["methods.tampo.settings.beta: unknown key; allowed: alpha, top_p", "got 1"],
    ),
    "temperature of zero": (
        "methods.1.settings.temperature",
        0.0,
        ["methods.warm.settings.temperature:", "greater than 0", "got 0.0"],
    ),
    "temperature not a number": (
        "methods.1.settings.temperature",
        float("nan"),
        ["methods.warm.settings.temperature:", "finite", "got nan"],
    ),
    "alpha of zero": (
        "methods.2.settings.alpha",
        0.0,
        ["methods.tampo.settings.alpha:", "greater than 0", "got 0.0"],
    ),
    "alpha above one": (
        "methods.2.settings.alpha",
        1.5,
        ["methods.tampo.settings.alpha:", "less than or equal to 1", "got 1.5"],
    ),
    "top-p above one": (
        "methods.2.settings.top_p",
        1.01,
        ["methods.tampo.settings.top_p:", "less than or equal to 1", "got 1.01"],
    ),
    "no candidates": (
        "training.candidate_temperatures",
        [],
        ["training.candidate_temperatures:", "at least 1 item", "got []"],
    ),
    "negative candidate": (
        "training.candidate_temperatures",
        [-0.5, 1.0],
        ["training.candidate_temperatures.0:", "greater than 0", "got -0.5"],
    ),
    "candidates out of order": (
        "training.candidate_temperatures",
        [1.0, 0.9],
        ["training.candidate_temperatures: must be ascending", "got [1.0, 0.9]"],
    ),
    "seed twice": ("seeds", [1, 2, 1], ["seeds: 1 is listed twice; list it once"]),
    "negative seed": ("seeds", [-1], ["seeds.0:", "greater than or equal to 0", "got -1"]),
    "method twice": ("methods.1.name", "tampo", ["methods: 'tampo' is listed twice"]),
    "benchmark twice": ("benchmarks.1.name", "sums", ["benchmarks: 'sums' is listed twice"]),
    "unknown benchmark": (
        "benchmarks.0.name",
        "aime25",
        ["benchmarks: unknown 'aime25'; allowed: aime24"],
    ),
    "training set as benchmark": (
        "benchmarks.0.name",
        "gsm8k-train",
        ["benchmarks: unknown 'gsm8k-train'; allowed: aime24"],
    ),
    "training on a benchmark": (
        "training.problems",
        "sums",
        ["training.problems: 'sums' is also a benchmark"],
    ),
    "unknown training set": (
        "training.problems",
        "gsm",
        ["training.problems: unknown 'gsm'; allowed:", "gsm8k-train"],
    ),
    "too few samples": (
        "benchmarks.0.samples",
        4,
        ["benchmarks.sums.samples: 4 responses cannot estimate Pass@8"],
    ),
    "unknown method in a table": (
        "tables.0.methods",
        ["base", "tampoo"],
        ["tables.table1.methods: unknown 'tampoo'; allowed: base, warm, tampo"],
    ),
    "no table 1": ("tables.0.name", "main", ["tables: no table named 'table1'"]),
    "prompt without the problem": (
        "prompt",
        {"user": "Solve it."},
        ["prompt.user: must contain {problem} exactly once", "got 'Solve it.'"],
    ),
    "batches that do not divide": (
        "training.micro_batch",
        7,
        ["training: prompts_per_step * group_size = 72 must be a multiple of micro_batch = 7"],
    ),
    "unknown reward": (
        "training.rewards",
        [{"name": "speed"}],
        ["training.rewards: unknown 'speed'; allowed: accuracy"],
    ),
    "unknown kind of model": (
        "model.source",
        "zoo",
        ["model.source: must be one of hub, folder, package, pretrain (got 'zoo')"],
    ),
    "revision that can move": (
        "model",
        {"source": "hub", "repository": "a/b", "revision": "main"},
        ["model.revision:", "should match pattern", "got 'main'"],
    ),
    "folder that claims to be on the hub": (
        "model",
        {"source": "hub", "repository": "/models/mine", "revision": "0" * 40},
        ["model.repository: must be a hub id", "`source: folder`", "got '/models/mine'"],
    ),
    "settings of the base model": (
        "methods.0.settings",
        {"temperature": 1.0},
        ["methods.base.settings: the base model takes none"],
    ),
    "method's own training": (
        "methods.1.training",
        {"steps": 0},
        ["methods.warm.training.steps:", "greater than or equal to 1", "got 0"],
    ),
    "confidence in percent": (
        "statistics",
        {"confidence": 95.0},
        ["statistics.confidence:", "less than 1", "got 95.0"],
    ),
    "word not among the choices": (
        "training.loss",
        "ppo",
        ["training.loss:", "'grpo', 'bnpo', 'dr_grpo' or 'dapo'", "got 'ppo'"],
    ),
    "name with a space": ("name", "My study", ["name:", "should match pattern", "got 'My study'"]),
}


@pytest.mark.parametrize(("path", "value", "parts"), BROKEN.values(), ids=BROKEN)
def test_a_mistake_is_one_line_that_names_key_value_and_what_is_allowed(
    valid, tmp_path, path, value, parts
):
    file = write(tmp_path, change(valid, path, value))
    with pytest.raises(StudyError) as caught:
        load_study(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: {parts[0]}")
    assert all(part in message for part in parts)
    assert "\n" not in message


REPLAY = {"name": "yoked", "policy": "replay", "settings": {"method": "tampo"}}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        (
            {"methods": [REPLAY | {"settings": {"method": "nobody"}}]},
            "methods.yoked.settings.method: unknown 'nobody'; allowed: warm, tampo",
        ),
        # Neither the base model, which has no temperatures, nor another replay.
        (
            {"methods": [REPLAY | {"settings": {"method": "base"}}]},
            "methods.yoked.settings.method: unknown 'base'; allowed: warm, tampo",
        ),
        (
            {"methods": [REPLAY, REPLAY | {"name": "twice", "settings": {"method": "yoked"}}]},
            "methods.twice.settings.method: unknown 'yoked'; allowed: warm, tampo",
        ),
        (
            {"seeds": [4]},
            "methods.yoked.settings.method: 'tampo' replays a run with another seed, but seeds "
            "lists [4]",
        ),
        (
            {"methods": [REPLAY | {"training": {"steps": 999}}]},
            "methods.yoked.settings.method: 'tampo' takes ",
        ),
    ],
)
def test_a_replay_needs_another_run_to_replay(valid, tmp_path, changes, reason):
    content = copy.deepcopy(valid)
    content["methods"] += changes.get("methods", [REPLAY])
    content["seeds"] = changes.get("seeds", content["seeds"])
    path = write(tmp_path, content)
    if reason is None:
        study = load_study(path)
        # The next seed of the list, and the first after the last.
        assert study.replayed_run("yoked", 1) == ("tampo", 2)
        assert study.replayed_run("yoked", 2) == ("tampo", 1)
        assert study.replayed_run("warm", 1) is None
        return
    with pytest.raises(StudyError) as caught:
        load_study(path)
    assert reason in str(caught.value)


def test_the_study_to_break_is_valid(valid, tmp_path):
    assert load_study(write(tmp_path, valid)).trained_methods == ["warm", "tampo"]


def test_a_missing_key_is_named(valid, tmp_path):
    del valid["seeds"]
    with pytest.raises(StudyError, match=r"valid\.yaml: seeds: Field required$"):
        load_study(write(tmp_path, valid))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("name: a\nname: b\n", "line 2: key 'name' is duplicated", id="key-twice"),
        pytest.param("name: [a\n", "not YAML: ", id="not-yaml"),
        pytest.param("- name\n", "a study is a mapping of keys", id="list"),
        pytest.param("", "a study is a mapping of keys", id="empty"),
    ],
)
def test_a_file_that_is_no_study_is_one_line(tmp_path, text, reason):
    file = write(tmp_path, text)
    with pytest.raises(StudyError) as caught:
        load_study(file)
    assert str(caught.value).startswith(f"{file}: {reason}")
    assert "\n" not in str(caught.value)


def test_a_missing_file_lists_the_studies_beside_it(tmp_path):
    write(tmp_path, "")
    with pytest.raises(StudyError, match=r"other\.yaml: no such study file; .*: valid$"):
        load_study(tmp_path / "other.yaml")


def test_the_command_line_reports_a_mistake_without_a_traceback(valid, tmp_path, capsys):
    file = write(tmp_path, change(valid, "seeds", []))
    assert main(["check", str(file)]) != 0
    assert capsys.readouterr().err.splitlines() == [
        f"error: {file}: seeds: List should have at least 1 item after validation, not 0 (got [])"
    ]


def test_scientific_notation_without_a_point_is_a_number(valid, tmp_path):
    text = yaml.safe_dump(valid) + "\n"
    text = text.replace("micro_batch: 6", "micro_batch: 6\n  learning_rate: 1e-6")
    assert load_study(write(tmp_path, text)).training.learning_rate == 1e-6


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_studies_are_valid_and_named_as_their_files(path):
    assert load_study(path).name == path.stem


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_studies_tell_editors_of_the_schema(path):
    first = path.read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema=../schemas/{SCHEMA.name}"


def test_the_schema_matches_the_types(capsys):
    assert main(["schema"]) == 0
    stale = f"run: python -m tampo schema > {SCHEMA.relative_to(ROOT)}"
    assert capsys.readouterr().out == SCHEMA.read_text(), stale


def test_the_schema_is_closed_everywhere():
    schema = json.loads(SCHEMA.read_text())
    for name, definition in {"Study": schema, **schema["$defs"]}.items():
        assert definition["additionalProperties"] is False, name


def slices(study):
    """Every slice of a study by name."""
    stages = {stage: slice_of(study, stage) for stage in layout.STAGES if stage != "train"}
    return stages | {method: slice_of(study, "train", method) for method in study.trained_methods}


def changed(**changes):
    before, after = slices(micro_study()), slices(micro_study(**changes))
    return {name for name in before if before[name] != after[name]}


def methods(alpha):
    return [
        {"name": "base", "policy": "untrained"},
        {"name": "cold", "policy": "fixed", "settings": {"temperature": 0.7}},
        {"name": "tampo", "policy": "tampo", "settings": {"warmup_steps": 1, "alpha": alpha}},
    ]


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        pytest.param({"methods": methods(0.1)}, {"tampo"}, id="one-method"),
        pytest.param({"training": {"learning_rate": 2e-3}}, {"cold", "tampo"}, id="training"),
        pytest.param({"evaluation": {"temperature": 0.9}}, {"evaluate"}, id="evaluation"),
        pytest.param({"evaluation": {"pass_k": [1]}}, {"aggregate"}, id="pass-k"),
        pytest.param({"statistics": {"resamples": 500}}, {"report"}, id="statistics"),
        pytest.param({"description": "Other words."}, {"report"}, id="description"),
        pytest.param({"allow_overlap": "To see it."}, {"report"}, id="allow-overlap"),
        # How often a run is saved changes none of its bytes.
        pytest.param({"training": {"checkpoint_every": 5}}, set(), id="checkpoint-every"),
        pytest.param({"data_dir": "/elsewhere"}, set(), id="folder-of-generated-sets"),
        pytest.param({"seeds": [1, 2, 3]}, {"aggregate"}, id="seeds"),
        pytest.param(
            {"prompt": {"user": "Q: {problem}"}}, {"cold", "tampo", "evaluate"}, id="prompt"
        ),
        pytest.param(
            {"model": {"source": "pretrain", "seed": 9}},
            {"model", "cold", "tampo", "evaluate"},
            id="model",
        ),
    ],
)
def test_a_change_alters_the_slices_of_what_depends_on_it(changes, again):
    assert changed(**changes) == again


def test_a_methods_own_training_settings_are_in_its_slice_only():
    own = methods(0.05)
    own[1]["training"] = {"learning_rate": 2e-3}
    before, after = slices(micro_study(methods=methods(0.05))), slices(micro_study(methods=own))
    assert {name for name in before if before[name] != after[name]} == {"cold"}


def test_slices_do_not_depend_on_how_a_default_is_written():
    written = micro_study(evaluation={"top_p": 0.95})
    assert slice_of(written, "evaluate") == slice_of(micro_study(), "evaluate")


def problem_file(folder, text="1 + 1"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "aime24.jsonl").write_text(json.dumps({"id": "a", "problem": text, "answer": ["2"]}))
    return str(folder)


def test_the_content_of_problem_files_counts_and_not_where_they_lie(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tested = [{"name": "aime24", "samples": 2}]

    def of(folder):
        return slices(micro_study(benchmarks=tested, data_dir=folder))

    before = of(problem_file(tmp_path / "one"))
    assert of(problem_file(tmp_path / "two")) == of("one") == of("./two/../one") == before
    changed = of(problem_file(tmp_path / "two", "1 + 2"))
    assert {name for name in before if before[name] != changed[name]} == {"evaluate"}
    (tmp_path / "one" / "aime24.jsonl").unlink()
    assert of("one")["evaluate"] != before["evaluate"]


def test_a_part_of_a_set_depends_on_the_whole_file(tmp_path):
    def of(text):
        (tmp_path / "gsm8k_train.jsonl").write_text(text)
        training = {"problems": "gsm8k-train-short"}
        return slice_of(micro_study(training=training, data_dir=str(tmp_path)), "train", "tampo")

    assert of("{}") != of("{} ")


POLICY = """
from helpers.shape import climb
from tampo import OpenLoopPolicy

class Saw(OpenLoopPolicy):
    def draw(self, step):
        import helpers.late
        return climb(step)

class Other(OpenLoopPolicy):
    def draw(self, step):
        return 1.0
"""


@pytest.fixture
def user_files(tmp_path, monkeypatch):
    """A policy with helpers of its own, which import one another, and one without."""
    files = {
        "mine/saw.py": POLICY,
        "mine/plain.py": "from tampo import OpenLoopPolicy\nclass Plain(OpenLoopPolicy):\n"
        "    def draw(self, step): return 1.0\n",
        "helpers/__init__.py": "",
        "helpers/shape.py": "from . import constants\nfrom .constants import LOW\n"
        "import math, numpy, tampo.seeds\ndef climb(step): return LOW + 0.1\n",
        "helpers/constants.py": "import importlib\nLOW = 0.8\n"
        "named = importlib.import_module('helpers.named')\n",
        "helpers/named.py": "",
        "helpers/late.py": "try:\n    import not_there\nexcept ImportError:\n    pass\n",
        "helpers/unused.py": "",
        "saw_data.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for module in [name for name in sys.modules if name.partition(".")[0] == "helpers"]:
        del sys.modules[module]


def user_slices(path="mine/saw.py"):
    return slices(
        micro_study(
            methods=[
                {"name": "base", "policy": "untrained"},
                {"name": "cold", "policy": "mine/plain.py:Plain"},
                {"name": "tampo", "policy": f"{path}:Saw"},
            ]
        )
    )


@pytest.mark.parametrize(
    ("file", "again"),
    [
        ("mine/saw.py", {"tampo"}),
        ("mine/plain.py", {"cold"}),
        ("helpers/__init__.py", {"tampo"}),
        ("helpers/shape.py", {"tampo"}),
        ("helpers/constants.py", {"tampo"}),
        ("helpers/named.py", {"tampo"}),
        ("helpers/late.py", {"tampo"}),
        ("helpers/unused.py", set()),
        ("saw_data.py", set()),
    ],
)
def test_code_that_a_policy_imports_is_in_the_slice_of_its_method(user_files, file, again):
    before = user_slices()
    with (user_files / file).open("a") as text:
        text.write("\n# another word\n")
    after = user_slices()
    assert {name for name in before if before[name] != after[name]} == again


def test_how_a_policy_file_is_named_does_not_count(user_files):
    before = user_slices()
    assert user_slices("./mine/../mine/saw.py") == before
    assert user_slices(str(user_files / "mine" / "saw.py")) == before
    (user_files / "moved").mkdir()
    (user_files / "mine" / "saw.py").rename(user_files / "moved" / "saw.py")
    assert user_slices("moved/saw.py") == before
    other = json.loads(before["tampo"])
    assert set(other["policy_code"]) == {
        "policy",
        "helpers",
        "helpers.constants",
        "helpers.late",
        "helpers.named",
        "helpers.shape",
    }


def test_two_classes_of_one_file_are_two_policies(user_files):
    of = {
        cls: slice_of(
            micro_study(
                methods=[{"name": "tampo", "policy": f"mine/saw.py:{cls}"}],
                tables=[{"name": "table1", "title": "T", "methods": ["tampo"]}],
            ),
            "train",
            "tampo",
        )
        for cls in ("Saw", "Other")
    }
    assert of["Saw"] != of["Other"]


def test_a_policy_beside_its_helper_is_told_where_imports_start(user_files):
    (user_files / "mine" / "beside.py").write_text("")
    (user_files / "mine" / "saw.py").write_text("import beside\n")
    with pytest.raises(
        ValueError, match=r"methods\.tampo\.policy: mine/saw\.py:1: .*'beside'.*mine\.beside"
    ):
        user_slices()


def policy_study(tmp_path, body, **training):
    (tmp_path / "mine.py").write_text(f"from tampo import OpenLoopPolicy\n{body}\n")
    study = micro_study(
        training=training,
        methods=[{"name": "mine", "policy": f"{tmp_path}/mine.py:Mine"}],
        tables=[{"name": "table1", "title": "T", "methods": ["mine"]}],
    )
    file = tmp_path / "micro.yaml"
    file.write_text(yaml.safe_dump(study.model_dump(mode="json", exclude_unset=True)))
    return file


def test_check_takes_a_users_policy_through_every_step_of_its_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    body = "class Mine(OpenLoopPolicy):\n    def draw(self, step): return [1.0, 0.9, 0.8][step % 4]"
    file = policy_study(tmp_path, body, steps=90)
    assert main(["check", str(file)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    place = f"error: {file}: methods.mine.policy: {tmp_path}/mine.py:3: Mine.draw at step 3 raised"
    assert error == f"{place} IndexError: list index out of range"
    written = (tmp_path / "mine.py").stat().st_mtime
    policy_study(tmp_path, body.replace("% 4", "% 3"), steps=90)
    # As after an edit within the same second, which Python's bytecode cache does not see.
    os.utime(tmp_path / "mine.py", (written, written))
    assert main(["check", str(file)]) == 0


@pytest.mark.parametrize(
    ("key", "value", "legal"),
    [("logprob_temperature", "one", "rollout"), ("rollout_backend", "vllm", "hf")],
)
@pytest.mark.parametrize("policy", ["mixed", "ead"])
def test_several_temperatures_in_a_batch_are_refused_where_one_is_needed(
    tmp_path, capsys, key, value, legal, policy
):
    mixed = micro_study(
        training={key: value},
        methods=[{"name": "mine", "policy": policy}],
        tables=[{"name": "table1", "title": "T", "methods": ["mine"]}],
    )
    file = tmp_path / "micro.yaml"
    file.write_text(yaml.safe_dump(mixed.model_dump(mode="json", exclude_unset=True)))
    assert main(["check", str(file)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert (
        f"methods.mine: its policy has several temperatures within a batch, which training.{key}: {value}"
        in error
    )
    assert error.endswith(f"legal: {legal}")
    body = "class Mine(OpenLoopPolicy):\n    def draw(self, step): return [1.0] * 3 + [1.0 + step / 100]"
    assert main(["check", str(policy_study(tmp_path, body, **{key: value}))]) == 2
    assert main(["check", str(policy_study(tmp_path, body))]) == 0
