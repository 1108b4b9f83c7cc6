# Stage 5: tables, figures, verdicts and one page; published numbers are beside ours, never among them.
localrules:
    table1,


rule report:
    input:
        scores=f"{AGGREGATE}/{layout.SCORES}",
        problems=f"{AGGREGATE}/{layout.PROBLEM_SCORES}",
        training=[
            f"{AGGREGATE}/{layout.table_file(table)}"
            for table in layout.TRAINING_TABLES
        ],
        model=f"{RESULTS}/{layout.MODEL}",
        runs=[f"{run}/{layout.RUN_JSON}" for run in JOBS.trained_runs],
        samples=[
            f"{run}/{name}"
            for run in JOBS.evaluated_runs
            for name in (layout.RUN_JSON, *JOBS.samples)
        ],
        published=[
            f"workflow/published/{{study}}/{layout.table_file(table)}"
            for table in JOBS.published
        ],
        experiment=JOBS.experiment,
    output:
        page=report(
            f"{REPORT}/{layout.PAGE}",
            caption="../report/page.rst",
            category="Report",
            labels={"study": "{study}", "content": "the whole report on one page"},
        ),
        claims=report(
            f"{REPORT}/{layout.CLAIMS}",
            caption="../report/claims.rst",
            category="Claims",
            labels={"study": "{study}", "content": "verdict on every claim"},
        ),
        tables=report(
            [f"{REPORT}/{layout.table_file(table)}" for table in JOBS.tables],
            caption="../report/tables.rst",
            category="Tables",
            labels={"study": "{study}", "numbers": "measured"},
        ),
        published=report(
            [
                f"{REPORT}/{layout.PUBLISHED_PREFIX}{layout.table_file(table)}"
                for table in JOBS.published
            ],
            caption="../report/published.rst",
            category="Tables",
            labels={"study": "{study}", "numbers": "published"},
        ),
        figures=report(
            directory(f"{REPORT}/{layout.FIGURES}"),
            patterns=["{figure}.svg"],
            caption="../report/figures.rst",
            category="Figures",
            labels={"study": "{study}", "figure": "{figure}"},
        ),
        pages=[
            f"{REPORT}/{name}"
            for name in (
                *(
                    f"{table}.{form}"
                    for table in JOBS.tables
                    for form in ("md", "tex")
                ),
                *(f"{layout.PUBLISHED_PREFIX}{table}.md" for table in JOBS.published),
            )
        ],
        study=f"{REPORT}/{layout.STUDY_COPY}",
        checksums=f"{REPORT}/{layout.CHECKSUMS}",
    log:
        log_of(layout.REPORT),
    benchmark:
        timing_of(layout.REPORT)
    conda:
        "../../envs/report.yaml"
    resources:
        **JOBS.requested("tables", 1),
    params:
        **JOBS.settings_of("report"),
        study_file=JOBS.file,
        results=subpath(output.page, ancestor=2),
        out=subpath(output.page, parent=True),
    shell:
        "python -m tampo report --study {params.study_file} --results {params.results}"
        " --out {params.out} > {log} 2>&1"


# Table 1 and the page of the active study, under names that do not change with the study.
rule table1:
    input:
        table=f"{layout.RESULTS}/{STUDY.name}/{layout.REPORT}/{layout.TABLE1}",
        page=f"{layout.RESULTS}/{STUDY.name}/{layout.REPORT}/{layout.PAGE}",
    output:
        table=layout.RESULTS / layout.TABLE1,
        page=layout.RESULTS / layout.PAGE,
    log:
        layout.log_file(STUDY.name, "table1"),
    benchmark:
        layout.timing_file(STUDY.name, "table1")
    conda:
        "../../envs/report.yaml"
    shell:
        "(cp {input.table} {output.table} && cp {input.page} {output.page}) 2> {log}"
