"""Extending evidence: new seeds of the same study join it, and of nothing else."""

import json

import pytest
from support.finished_study import STUDY, edit_line, report, with_seeds, write_finished_study

from tampo.cli import main
from tampo.evidence.archive import write_archive
from tampo.evidence.extend import extend_evidence
from tampo.evidence.verify import verify
from tampo.files import checksums, sha256_of
from tampo.study.study import Study, StudyError


def quiet(_):
    pass


def finished(folder, *seeds, study=None):
    """Results of the study with these seeds, with their report."""
    study = study or with_seeds(*seeds)
    results = write_finished_study(folder / STUDY.name, study)
    report(study, results, results / "report")
    return results


def packed(results, folder):
    write_archive(results, folder / STUDY.name, {})
    return folder / STUDY.name


def refusal(evidence, results):
    before = checksums(evidence)
    with pytest.raises(StudyError) as refused:
        extend_evidence(evidence, results, evidence, progress=quiet)
    assert checksums(evidence) == before
    return str(refused.value)


def _made_from(results, base):
    """Let every run say that it was made from another base model, as runs from it would."""
    for path in (results / "train").glob("*/*/run.json"):
        edit_run(path, base_model=base)
    for path in (results / "evaluate").glob("*/*/run.json"):
        trained = results / "train" / path.parent.relative_to(results / "evaluate") / "run.json"
        made = trained if trained.is_file() else results / "model" / "run.json"
        origin = json.loads(path.read_text())["checkpoint"]
        edit_run(path, checkpoint=origin | {"run_json_sha256": sha256_of(made)})


def edit_run(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("others"), 4, 3)


@pytest.mark.slow
def test_two_additions_from_two_machines_are_the_study_run_at_once(
    evidence, others, tmp_path, capsys
):
    elsewhere = packed(finished(tmp_path / "fifth", 5), tmp_path / "packed")
    out = tmp_path / "extended" / STUDY.name
    extend_evidence(evidence, others, out, progress=quiet)
    assert main(["evidence", "--extend", str(out), str(elsewhere)]) == 0
    assert f"{out}: {len(checksums(out))} files" in capsys.readouterr().out
    at_once = packed(finished(tmp_path / "all", 1, 2, 3, 4, 5), tmp_path / "at-once")
    assert checksums(out) == checksums(at_once)
    assert verify(out, progress=quiet).mismatches == []


def test_a_tampered_addition_is_refused(evidence, tmp_path):
    results = finished(tmp_path, 3)
    path = results / "evaluate" / "tampo" / "seed3" / "sums.jsonl"
    edit_line(path, 1, lambda row: row["responses"][0].update(response=r"\boxed{-1}"))
    message = refusal(evidence, results)
    assert "does not verify" in message and "seed3/sums.jsonl" in message


def test_tampered_evidence_is_not_extended(finished_study, others, tmp_path):
    mine = packed(finished_study, tmp_path)
    (mine / "report" / "table1.md").write_text("")
    assert "does not verify" in refusal(mine, others)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"training": {"learning_rate": 0.5}}, "training.learning_rate is 0.5, there 0.001"),
        ({"statistics": {"resamples": 500}}, "statistics.resamples is 500, there 400"),
    ],
    ids=["training", "statistics"],
)
def test_another_study_is_refused_by_the_key_that_differs(evidence, tmp_path, change, message):
    content = with_seeds(3).model_dump(mode="json")
    for key, values in change.items():
        content[key] |= values
    results = finished(tmp_path, study=Study(**content))
    assert message in refusal(evidence, results)


@pytest.mark.slow
def test_what_belongs_to_a_machine_may_differ(evidence, tmp_path):
    content = with_seeds(3).model_dump(mode="json")
    content["resources"]["train"]["mem_mb"] += 1
    results = finished(tmp_path / "results", study=Study(**content))
    extend_evidence(evidence, results, tmp_path / "out", progress=quiet)


def test_seeds_that_are_there_are_no_addition(evidence, finished_study):
    assert "no new seed" in refusal(evidence, finished_study)


def test_runs_from_other_weights_are_refused(evidence, tmp_path, monkeypatch):
    results = finished(tmp_path, 3)
    path = results / "model" / "run.json"
    files = json.loads(path.read_text())["files"]
    (results / "model" / "model.safetensors").write_bytes(b"other")
    edit_run(path, files=files | {"model.safetensors": "0" * 64})
    # Checksums are of the file as it is now: only the weights are others.
    (results / "model" / "model.safetensors").unlink()
    _made_from(results, files | {"model.safetensors": "0" * 64})
    report(with_seeds(3), results, results / "report")
    assert "another base model: checksum of model.safetensors" in refusal(evidence, results)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["train", "evaluate"])
def test_runs_of_other_packages_are_refused(evidence, tmp_path, stage):
    results = finished(tmp_path, 3)
    path = results / stage / "tampo" / "seed3" / "run.json"
    packages = json.loads(path.read_text())["packages"] | {"torch": "1.0"}
    edit_run(path, packages=packages)
    _made_from(results, json.loads((results / "model" / "run.json").read_text())["files"])
    report(with_seeds(3), results, results / "report")
    message = refusal(evidence, results)
    assert f"{stage}/tampo/seed3/run.json: torch 1.0, in the evidence" in message


def test_results_are_not_extended_and_the_unfinished_no_addition(
    evidence, others, finished_study, tmp_path
):
    with pytest.raises(StudyError, match="no evidence"):
        extend_evidence(finished_study, others, tmp_path / "out", progress=quiet)
    unfinished = write_finished_study(tmp_path / STUDY.name, with_seeds(3))
    assert "not finished" in refusal(evidence, unfinished)
