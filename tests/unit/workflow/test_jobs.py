"""What the rules ask of a study: which runs there are, what they need, what makes them run again."""

from types import SimpleNamespace

import pytest
import yaml
from support.studies import micro_study

from tampo.workflow.jobs import Jobs, any_of, environment, require_config_option


def jobs(data_dir=None, **changes):
    return Jobs("workflow/studies/micro.yaml", micro_study(**changes), data_dir)


class Wildcards(SimpleNamespace):
    """As Snakemake's: attributes, and `get`."""

    def get(self, name, default=None):
        return getattr(self, name, default)


def wildcards(method, seed=1):
    return Wildcards(study="micro", method=method, seed=str(seed))


def test_runs_are_listed_method_by_method_with_the_study_a_wildcard():
    assert jobs().trained_runs == [
        f"results/{{study}}/train/{method}/seed{seed}"
        for method in ("cold", "tampo")
        for seed in (1, 2)
    ]
    assert jobs().evaluated_runs[:2] == [
        "results/{study}/evaluate/base/seed1",
        "results/{study}/evaluate/base/seed2",
    ]
    assert jobs().samples == ["sums.jsonl"]


def test_the_untrained_method_is_evaluated_with_the_base_model_itself():
    assert jobs().checkpoint(wildcards("base")) == "results/micro/model"
    assert jobs().checkpoint(wildcards("tampo", 2)) == "results/micro/train/tampo/seed2/checkpoint"


def test_only_a_replay_waits_for_another_run():
    replay = {"name": "again", "policy": "replay", "settings": {"method": "tampo"}}
    methods = [*micro_study().model_dump(exclude_unset=True)["methods"], replay]
    own = jobs(methods=methods)
    assert own.recorded(wildcards("tampo")) == []
    assert own.recorded(wildcards("again")) == "results/micro/train/tampo/seed2/steps.jsonl"


def test_a_setting_that_methods_share_is_a_text_and_one_of_their_own_is_told_by_method():
    settings = jobs().settings_of("train")
    assert settings["training_steps"] == "training.steps=6"
    assert settings["policy"](wildcards("tampo")) == 'policy="tampo"'
    assert settings["policy"](wildcards("cold")) == 'policy="fixed"'


def test_a_gpu_is_asked_for_only_where_the_study_wants_one():
    assert "gpu" not in jobs().requested("train", 1)
    resources = {"train": {"gpus": 1}}
    asked = jobs(resources=resources).requested("train", 1)
    assert (asked["gpu"], asked["nodes"]) == (1, 1)


def test_a_later_attempt_is_given_more_time():
    runtime = jobs().requested("evaluate", 1)["runtime"]
    assert runtime(None, 2) > runtime(None, 1)


def test_a_folder_of_problem_sets_is_one_word_of_the_shell():
    assert jobs().data_option == ""
    assert jobs("my data").data_option == "--data-dir 'my data'"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"stduy": "tiny"}, "--config: unknown key 'stduy'; allowed: study, data_dir"),
        ({"study": "nosuch"}, "workflow/studies/nosuch.yaml"),
    ],
)
def test_a_mistake_in_config_is_one_line(config, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        Jobs.of_config(config)
    assert str(ended.value).startswith("error: ") and message in str(ended.value)
    assert "\n" not in str(ended.value)


def test_a_study_must_have_the_name_of_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "workflow" / "studies"
    folder.mkdir(parents=True)
    content = micro_study().model_dump(mode="json", exclude_unset=True)
    (folder / "other.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(SystemExit, match="name: 'micro'; must equal the file's, 'other'"):
        Jobs.of_config({"study": "other"})


def test_names_of_wildcards_are_matched_whole_and_literally():
    assert any_of(["grpo-t0.9", 2]) == r"grpo\-t0\.9|2"
    assert any_of([]) == "(?!)"
    assert environment("vllm").endswith("gpu.yaml") and environment("hf").endswith("cpu.yaml")


def test_a_forgotten_config_option_is_one_line():
    require_config_option(["results/table1.csv", "--config", "study=smol"])
    require_config_option(["results/table1.csv", "-n"])
    message = "error: study=smol is no target; write --config study=smol, after the target"
    with pytest.raises(SystemExit, match=message):
        require_config_option(["results/table1.csv", "study=smol"])
