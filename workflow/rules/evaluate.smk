# Stage 3: one process samples and grades every benchmark of the study for one checkpoint.
rule evaluate:
    input:
        checkpoint=JOBS.checkpoint,
    output:
        samples=[f"{EVALUATE}/{name}" for name in JOBS.samples],
        run=f"{EVALUATE}/{layout.RUN_JSON}",
    log:
        log_of(layout.EVALUATE, "{method}", "{seed}"),
    benchmark:
        timing_of(layout.EVALUATE, "{method}", "{seed}")
    conda:
        environment(STUDY.evaluation.backend)
    threads: STUDY.evaluation.cpu_threads
    resources:
        **JOBS.requested("evaluate", STUDY.evaluation.cpu_threads),
    params:
        **JOBS.settings_of("evaluate"),
        study=JOBS.file,
        data=JOBS.data_option,
        out=subpath(output.run, parent=True),
    shell:
        "python -m tampo evaluate --study {params.study} {params.data}"
        " --method {wildcards.method} --seed {wildcards.seed}"
        " --checkpoint {input.checkpoint} --out {params.out} > {log} 2>&1"
