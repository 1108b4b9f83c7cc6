# Stage 3: one process samples and grades every benchmark of the study for one checkpoint.
rule evaluate:
    input:
        checkpoint=checkpoint,
    output:
        samples=expand(
            "results/{{study}}/evaluate/{{method}}/seed{{seed}}/{benchmark}.jsonl",
            benchmark=[benchmark.name for benchmark in STUDY.benchmarks],
        ),
        run="results/{study}/evaluate/{method}/seed{seed}/run.json",
    log:
        "logs/{study}/evaluate/{method}/seed{seed}.log",
    benchmark:
        "benchmarks/{study}/evaluate/{method}/seed{seed}.tsv"
    conda:
        environment(STUDY.evaluation.backend)
    threads: STUDY.evaluation.cpu_threads
    resources:
        **requested("evaluate", STUDY.evaluation.cpu_threads),
    params:
        **settings_of("evaluate"),
        study=STUDY_FILE,
        data=DATA_OPTION,
        out=subpath(output.run, parent=True),
    shell:
        "python -m tampo evaluate --study {params.study} {params.data}"
        " --method {wildcards.method} --seed {wildcards.seed}"
        " --checkpoint {input.checkpoint} --out {params.out} > {log} 2>&1"
