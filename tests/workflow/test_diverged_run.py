"""A run that diverges, from training to the page, through Snakemake."""

import json

import pandas as pd
import pytest
import yaml
from support.studies import micro_study
from support.workflow_runs import copy_project, planned, snakemake

from tampo.evidence.verify import verify

HOT = {"learning_rate": 1e10, "max_grad_norm": 1e9}


@pytest.mark.slow
def test_the_workflow_goes_on_past_a_run_that_diverged(tmp_path):
    """One method learns at a rate of 1e10: its weights stay finite, its answers do not."""
    project = copy_project(tmp_path)
    fixed = {"policy": "fixed", "settings": {"temperature": 1.0}}
    study = micro_study(
        methods=[
            {"name": "base", "policy": "untrained"},
            {"name": "sane", **fixed},
            {"name": "hot", **fixed, "training": HOT},
        ],
        training={"steps": 3, "warmup_ratio": 0.0},
        statistics={"resamples": 200},
        tables=[{"name": "table1", "title": "All", "methods": ["base", "sane", "hot"]}],
    )
    file = project / "workflow" / "studies" / "micro.yaml"
    file.write_text(yaml.safe_dump(study.model_dump(mode="json", exclude_unset=True)))
    wanted = ["results/table1.csv", "--config", "study=micro"]
    run = snakemake(project, *wanted)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert "2 of 2 runs" in run.stderr
    results = project / "results" / "micro"
    for seed in study.seeds:
        folder = results / "train" / "hot" / f"seed{seed}"
        step = json.loads((folder / "run.json").read_text())["diverged"]["step"]
        # The step after the first whose rewards differ: without a gradient nothing is learned.
        assert step in (1, 2)
        assert [path.name for path in (folder / "checkpoint").glob("[!.]*")] == ["diverged.json"]
        assert (results / "evaluate" / "hot" / f"seed{seed}" / "sums.jsonl").read_bytes() == b""
        log = (project / "logs" / "micro" / "train" / "hot" / f"seed{seed}.log").read_text()
        assert f"diverged at step {step}: " in log
    table = pd.read_csv(results / "report" / "table1.csv").set_index("method")
    assert set(table.loc["hot", "num_seeds"]) == {0}
    assert table.loc["hot", "average"].isna().all()
    assert table.loc["sane", "average"].notna().all()
    assert "hot: 2 of 2 runs diverged" in (results / "report" / "report.html").read_text()
    assert not verify(results, progress=lambda _: None).mismatches
    # It is an outcome: nothing is left to be done, and nothing is trained again.
    assert planned(project, *wanted) == set()
