"""Receiving runs from a box: filed as if made here, or refused with nothing changed."""

import json
import re
import shutil

import pytest
import yaml
from support.box_study import WEIGHTS, box, finished_box, update
from support.finished_study import STUDY

from tampo.cli import main
from tampo.evidence.verify import verify
from tampo.files import checksums, sha256_of
from tampo.stages.aggregate import aggregate
from tampo.study.study import Study
from tampo.tools.box.parts import BoxError, PartsError, write_parts
from tampo.tools.box.receive import receive


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A box on which all runs have finished; tests leave it as it is."""
    return finished_box(tmp_path_factory.mktemp("finished") / "box")


def collected(into, out, *words):
    done = box("collect", "--into", into, "--out", out, *words)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def parts(finished, tmp_path_factory):
    """What that box sends; tests leave it as it is."""
    return collected(finished, tmp_path_factory.mktemp("parts"), "--part-mib", "0.002")


@pytest.fixture
def results(tmp_path):
    return tmp_path / "here" / "results"


def changed(finished, tmp_path, change):
    """Return the parts of a box in whose results something was changed."""
    into = tmp_path / "changed"
    shutil.copytree(finished, into)
    change(into / "results" / STUDY.name)
    return collected(into, tmp_path / "changed_parts")


def other(**changes):
    """Return `STUDY` with other settings; dicts update."""
    content = STUDY.model_dump(mode="json", exclude_unset=True)
    for key, value in changes.items():
        content[key] = {**content.get(key, {}), **value} if isinstance(value, dict) else value
    return Study(**content)


def test_received_runs_lie_where_runs_made_here_would(finished, parts, results, capsys):
    receive(parts, STUDY, results)
    own = results / STUDY.name
    for path in (finished / "results" / STUDY.name).rglob("*"):
        here = own / path.relative_to(finished / "results" / STUDY.name)
        weights = "checkpoint" in path.parts or path.name == "model.safetensors"
        if path.is_file() and "aggregate" not in path.parts:
            assert here.is_file() != weights
            assert weights or here.read_bytes() == path.read_bytes()
    log = results.parent / "logs" / STUDY.name / "train" / "tampo" / "seed1.log"
    assert log.read_text() == "train said this\n"
    assert f"made from commit {'c' * 40}" in capsys.readouterr().err
    assert [path.name for path in results.iterdir()] == [STUDY.name]
    model, run = own / "model", own / "train" / "cold" / "seed1" / "steps.jsonl"
    assert model.stat().st_mtime <= run.stat().st_mtime
    aggregate(STUDY, own, own / "aggregate")
    for path in (own / "aggregate").iterdir():
        there = finished / "results" / STUDY.name / "aggregate" / path.name
        assert path.read_bytes() == there.read_bytes()


def test_verification_knows_what_was_left_on_the_box(parts, results, tmp_path):
    receive(parts, STUDY, results)
    own = results / STUDY.name
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(STUDY.model_dump(mode="json")))
    aggregate(STUDY, own, own / "aggregate")

    def faults():
        found = verify(own, file, progress=lambda _: None)
        assert found.without_weights == 5
        # Nothing was reported here.
        return [str(m) for m in found.mismatches if "report" not in m.path.parts]

    assert faults() == []
    (own / "train" / "tampo" / "seed1" / "steps.jsonl").unlink()
    assert any("steps.jsonl: missing" in fault for fault in faults())


def test_what_is_here_already_stays(finished, parts, results, tmp_path, capsys):
    first = collected(finished, tmp_path / "first", "--seed", 1)
    receive(first, STUDY, results)
    weights = results / STUDY.name / "train" / "tampo" / "seed1" / "checkpoint"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(WEIGHTS)
    receive(parts, STUDY, results)
    assert "5 folders received, 6 were here already" in capsys.readouterr().err
    assert (weights / "model.safetensors").is_file()


def test_another_run_is_not_overwritten_unasked(finished, parts, results, tmp_path):
    receive(parts, STUDY, results)

    def again(own):
        log = own / "evaluate" / "cold" / "seed2"
        update(log, started="2026-01-02T05:00:00+00:00")

    other_parts = changed(finished, tmp_path, again)
    before = checksums(results)
    place = results / STUDY.name / "evaluate" / "cold" / "seed2"
    with pytest.raises(BoxError, match=rf"--replace puts these in their place:\n{place}$"):
        receive(other_parts, STUDY, results)
    assert checksums(results) == before
    receive(other_parts, STUDY, results, replace=True)
    (now,) = {name for name, digest in checksums(results).items() if before[name] != digest}
    assert results / now == place / "run.json"


def test_an_unfinished_run_is_in_the_way_too(parts, results):
    place = results / STUDY.name / "train" / "tampo" / "seed1" / "resume"
    place.mkdir(parents=True)
    with pytest.raises(BoxError, match=f"--replace .*\n{place.parent}$"):
        receive(parts, STUDY, results)
    receive(parts, STUDY, results, replace=True)
    assert not place.exists()


def test_runs_of_another_base_model_are_refused(finished, parts, results, tmp_path):
    receive(parts, STUDY, results)

    def another(own):
        update(own / "model", files={"model.safetensors": "0" * 64})
        for seed in STUDY.seeds:
            digest = sha256_of(own / "model" / "run.json")
            update(
                own / "evaluate" / "base" / f"seed{seed}",
                checkpoint={"sha256": "0" * 64, "run_json_sha256": digest, "stage": "model"},
            )

    message = "model: model.safetensors is another than that of the box"
    with pytest.raises(BoxError, match=message):
        receive(changed(finished, tmp_path, another), STUDY, results, replace=True)


@pytest.mark.parametrize(
    ("study", "message"),
    [
        pytest.param(other(name="other"), "study: must be 'other' (got 'micro')", id="name"),
        pytest.param(
            other(training={"learning_rate": 2e-3}),
            "train/tampo/seed1: training.learning_rate: 0.001 there, 0.002 here",
            id="training",
        ),
        pytest.param(
            other(evaluation={"temperature": 0.5}),
            "evaluate/base/seed2: evaluation.temperature: 0.6 there, 0.5 here",
            id="evaluation",
        ),
        pytest.param(
            other(prompt={"user": "Say {problem}"}),
            "evaluate/cold/seed1: prompt.user: '{problem}' there, 'Say {problem}' here",
            id="prompt",
        ),
        pytest.param(
            other(model={**STUDY.model.model_dump(mode="json"), "seed": 5}),
            "model: model.seed: 0 there, 5 here",
            id="model",
        ),
        pytest.param(
            other(cold_start={"problems": "gsm8k-train", "steps": 8}),
            "model: cold_start: None there, {'problems': 'gsm8k-train', 'steps': 8,",
            id="warm-up",
        ),
        pytest.param(
            other(benchmarks=[{"name": "sums", "samples": 2, "limit": 3}]),
            "evaluate/base/seed1: benchmarks.sums.problems: 4 there, 3 here\n"
            "evaluate/base/seed1: benchmarks.maxima: {'problems': 3, 'samples': 2} there, absent here",
            id="benchmarks",
        ),
        pytest.param(other(seeds=[1, 3]), "seeds: 2 there; allowed here: 1, 3", id="seeds"),
    ],
)
def test_runs_of_another_study_are_refused_by_the_key(parts, results, study, message):
    with pytest.raises(BoxError, match=re.escape(message)):
        receive(parts, study, results)
    assert list(results.rglob("*")) == [] if results.exists() else True


def test_a_method_with_other_settings_is_refused(parts, results):
    methods = [method.model_dump(mode="json") for method in STUDY.methods]
    methods[1]["settings"] = {"temperature": 0.8}
    message = "train/cold/seed1: method.settings.temperature: 0.7 there, 0.8 here"
    with pytest.raises(BoxError, match=message):
        receive(parts, other(methods=methods), results)


def test_settings_that_only_aggregation_reads_may_differ(parts, results):
    receive(parts, other(evaluation={"pass_k": [1]}), results)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda own: (own / "train" / "cold" / "seed1" / "steps.jsonl").write_text("{}\n"),
            "train/cold/seed1/steps.jsonl: has another checksum than its run.json says",
        ),
        (
            lambda own: (own / "evaluate" / "tampo" / "seed2" / "sums.jsonl").unlink(),
            "evaluate/tampo/seed2/sums.jsonl: did not come",
        ),
        (
            lambda own: update(own / "train" / "cold" / "seed2", processes=2),
            "evaluate/cold/seed2: evaluates other weights than those of train/cold/seed2",
        ),
    ],
)
def test_a_run_that_is_not_what_it_says_is_refused(finished, results, tmp_path, change, message):
    with pytest.raises(BoxError, match=message):
        receive(changed(finished, tmp_path, change), STUDY, results)
    assert not (results / STUDY.name).exists()


def repacked(parts, out, members):
    """Write `members` with the manifest of `parts`."""
    manifest = json.loads((parts / "manifest.json").read_text())
    contents = {key: manifest[key] for key in ("kind", "study", "source", "runs")}
    write_parts(out, members, 1, contents, compress=True)
    return out


@pytest.mark.parametrize("name", ["results/micro/../../x", "/x", "results/other/x", "Snakefile"])
def test_nothing_but_results_and_logs_is_unpacked(parts, results, tmp_path, name):
    crafted = repacked(parts, tmp_path / "crafted", [(name, b"x")])
    with pytest.raises(BoxError, match="only results and logs of micro may come back"):
        receive(crafted, STUDY, results)


def test_a_link_is_not_unpacked(parts, results, tmp_path):
    link = tmp_path / "link"
    link.symlink_to("/etc/hostname")
    crafted = repacked(parts, tmp_path / "crafted", [("results/micro/x", link)])
    with pytest.raises(BoxError, match="results/micro/x: only results"):
        receive(crafted, STUDY, results)


def damage(path):
    path.write_bytes(path.read_bytes()[:-2])


@pytest.mark.parametrize(
    ("change", "name", "code", "message"),
    [
        (lambda p: (p / "part-0001").unlink(), "micro", 3, "missing: part-0001"),
        (lambda p: damage(p / "part-0001"), "micro", 3, "damaged: {parts}/part-0001"),
        (lambda p: (p / "manifest.json").unlink(), "micro", 3, "missing: manifest.json"),
        (lambda p: damage(p / "manifest.json"), "micro", 3, "damaged: {parts}/manifest.json"),
        (lambda p: None, "other", 2, "study: must be 'other' (got 'micro')"),
    ],
)
def test_the_command_says_why_it_refuses(parts, tmp_path, capsys, change, name, code, message):
    copy = tmp_path / "parts"
    shutil.copytree(parts, copy)
    change(copy)
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(other(name=name).model_dump(mode="json")))
    words = ["box", "receive", str(copy), "--study", str(study)]
    assert main([*words, "--results", str(tmp_path / "results")]) == code
    assert message.format(parts=copy) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("kind", "study", "kind: must be 'results' (got 'study')"),
        ("format", 2, "format: must be 1 (got 2)"),
        ("runs", [{"method": "a"}], "manifest.json: runs.0.seed: Field required"),
        ("more", 1, "manifest.json: more: unknown key; allowed: format, study, "),
    ],
)
def test_a_manifest_is_closed(parts, results, tmp_path, key, value, message):
    copy = tmp_path / "parts"
    shutil.copytree(parts, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {key: value}))
    with pytest.raises(BoxError, match=re.escape(message)):
        receive(copy, STUDY, results)


def test_whole_parts_that_hold_no_archive_are_damaged(parts, results, tmp_path):
    crafted = repacked(parts, tmp_path / "crafted", [("results/micro/x", b"x")])
    manifest = json.loads((crafted / "manifest.json").read_text())
    contents = {key: manifest[key] for key in ("kind", "study", "source", "runs")}
    # Not compressed, so not what a box writes.
    write_parts(crafted, [("results/micro/x", b"x")], 1, contents)
    with pytest.raises(PartsError, match="hold no archive that can be read"):
        receive(crafted, STUDY, results)
