# Stage 4: tables of all runs: scores from the stored samples alone, and what training left behind.
rule aggregate:
    input:
        expand(
            "results/{{study}}/train/{method}/seed{seed}/{file}",
            method=STUDY.trained_methods,
            seed=STUDY.seeds,
            file=["run.json", "steps.jsonl", "policy.jsonl", "trajectories.parquet"],
        ),
        expand(
            "results/{{study}}/evaluate/{method}/seed{seed}/{file}",
            method=[method.name for method in STUDY.methods],
            seed=STUDY.seeds,
            file=[
                "run.json",
                *(f"{benchmark.name}.jsonl" for benchmark in STUDY.benchmarks),
            ],
        ),
    output:
        scores=report(
            "results/{study}/aggregate/scores.csv",
            caption="../report/scores.rst",
            category="Scores",
            labels={"study": "{study}", "scores": "runs"},
        ),
        problems="results/{study}/aggregate/problem_scores.csv",
        training=expand(
            "results/{{study}}/aggregate/{table}.csv", table=TRAINING_TABLES
        ),
    log:
        "logs/{study}/aggregate.log",
    benchmark:
        "benchmarks/{study}/aggregate.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        **requested("tables", 1),
    params:
        **settings_of("aggregate"),
        study=STUDY_FILE,
        results=subpath(output.scores, ancestor=2),
        out=subpath(output.scores, parent=True),
    shell:
        "python -m tampo aggregate --study {params.study} --results {params.results}"
        " --out {params.out} > {log} 2>&1"
