# Stage 5: tables, figures, verdicts and one page; published numbers stand beside ours, never among them.
localrules:
    table1,


rule report:
    input:
        scores="results/{study}/aggregate/scores.csv",
        problems="results/{study}/aggregate/problem_scores.csv",
        training=expand(
            "results/{{study}}/aggregate/{table}.csv", table=TRAINING_TABLES
        ),
        model="results/{study}/model",
        runs=expand(
            "results/{{study}}/train/{method}/seed{seed}/run.json",
            method=STUDY.trained_methods,
            seed=STUDY.seeds,
        ),
        samples=expand(
            "results/{{study}}/evaluate/{method}/seed{seed}/{file}",
            method=[method.name for method in STUDY.methods],
            seed=STUDY.seeds,
            file=[
                "run.json",
                *(f"{benchmark.name}.jsonl" for benchmark in STUDY.benchmarks),
            ],
        ),
        published=expand("workflow/published/{{study}}/{table}.csv", table=PUBLISHED),
        experiment=f"workflow/studies/{STUDY.name if PUBLISHED else 'paper'}.yaml",
    output:
        page=report(
            "results/{study}/report/report.html",
            caption="../report/page.rst",
            category="Report",
            labels={"study": "{study}", "content": "the whole report on one page"},
        ),
        claims=report(
            "results/{study}/report/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"study": "{study}", "content": "verdict on every claim"},
        ),
        tables=report(
            expand("results/{{study}}/report/{table}.csv", table=TABLES),
            caption="../report/tables.rst",
            category="Tables",
            labels={"study": "{study}", "numbers": "measured"},
        ),
        published=report(
            expand("results/{{study}}/report/published_{table}.csv", table=PUBLISHED),
            caption="../report/published.rst",
            category="Tables",
            labels={"study": "{study}", "numbers": "published"},
        ),
        figures=report(
            directory("results/{study}/report/figures"),
            patterns=["{figure}.svg"],
            caption="../report/figures.rst",
            category="Figures",
            labels={"study": "{study}", "figure": "{figure}"},
        ),
        pages=expand(
            "results/{{study}}/report/{table}",
            table=[
                *(f"{table}.{form}" for table in TABLES for form in ("md", "tex")),
                *(f"published_{table}.md" for table in PUBLISHED),
            ],
        ),
        study="results/{study}/report/study.yaml",
        checksums="results/{study}/report/checksums.json",
    log:
        "logs/{study}/report.log",
    benchmark:
        "benchmarks/{study}/report.tsv"
    conda:
        "../../envs/report.yaml"
    resources:
        **requested("tables", 1),
    params:
        **settings_of("report"),
        study_file=STUDY_FILE,
        results=subpath(output.page, ancestor=2),
        out=subpath(output.page, parent=True),
    shell:
        "python -m tampo report --study {params.study_file} --results {params.results}"
        " --out {params.out} > {log} 2>&1"


# Table 1 and the page of the active study, under names that do not change with the study.
rule table1:
    input:
        table=f"results/{STUDY.name}/report/table1.csv",
        page=f"results/{STUDY.name}/report/report.html",
    output:
        table="results/table1.csv",
        page="results/report.html",
    log:
        f"logs/{STUDY.name}/table1.log",
    benchmark:
        f"benchmarks/{STUDY.name}/table1.tsv"
    conda:
        "../../envs/report.yaml"
    shell:
        "(cp {input.table} {output.table} && cp {input.page} {output.page}) 2> {log}"
