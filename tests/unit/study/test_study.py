"""Study files: every kind of mistake is one clear error; slices say what a result depends on."""

import copy
import json

import pytest
import yaml
from support.paths import ROOT
from support.studies import micro_study

from tampo.cli import main
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
            "methods.tampo.policy: unknown policy 'tempo'; registered:",
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
        ["model.source: must be one of hub, package, pretrain (got 'zoo')"],
    ),
    "revision that can move": (
        "model",
        {"source": "hub", "repository": "a/b", "revision": "main"},
        ["model.revision:", "should match pattern", "got 'main'"],
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


STAGES = ("model", "train", "evaluate", "aggregate", "report")


def slices(study):
    """Every slice of a study by name."""
    stages = {stage: study.slice(stage) for stage in STAGES if stage != "train"}
    return stages | {method: study.slice("train", method) for method in study.trained_methods}


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
    assert micro_study(evaluation={"top_p": 0.95}).slice("evaluate") == micro_study().slice(
        "evaluate"
    )
