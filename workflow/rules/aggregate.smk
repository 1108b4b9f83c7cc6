# Stage 4: tables of all runs: scores from the stored samples alone, and what training left behind.
rule aggregate:
    input:
        [
            f"{run}/{name}"
            for run in JOBS.trained_runs
            for name in (layout.RUN_JSON, *layout.TRAINING_LOGS)
        ],
        [
            f"{run}/{name}"
            for run in JOBS.evaluated_runs
            for name in (layout.RUN_JSON, *JOBS.samples)
        ],
    output:
        scores=report(
            f"{AGGREGATE}/{layout.SCORES}",
            caption="../report/scores.rst",
            category="Scores",
            labels={"study": "{study}", "scores": "runs"},
        ),
        problems=f"{AGGREGATE}/{layout.PROBLEM_SCORES}",
        training=[
            f"{AGGREGATE}/{layout.table_file(table)}"
            for table in layout.TRAINING_TABLES
        ],
    log:
        log_of(layout.AGGREGATE),
    benchmark:
        timing_of(layout.AGGREGATE)
    conda:
        "../../envs/report.yaml"
    resources:
        **JOBS.requested("tables", 1),
    params:
        **JOBS.settings_of("aggregate"),
        study=JOBS.file,
        results=subpath(output.scores, ancestor=2),
        out=subpath(output.scores, parent=True),
    shell:
        "python -m tampo aggregate --study {params.study} --results {params.results}"
        " --out {params.out} > {log} 2>&1"
