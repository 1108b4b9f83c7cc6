# Stage 2: GRPO under one temperature policy with one seed.
#
# The job keeps what it needs to go on after a kill in `resume/` beside the declared outputs:
# Snakemake deletes the outputs of an unfinished job, and must not delete that.
rule train:
    input:
        model="results/{study}/model",
        recorded=recorded,
    output:
        checkpoint=directory("results/{study}/train/{method}/seed{seed}/checkpoint"),
        steps="results/{study}/train/{method}/seed{seed}/steps.jsonl",
        policy="results/{study}/train/{method}/seed{seed}/policy.jsonl",
        trajectories="results/{study}/train/{method}/seed{seed}/trajectories.parquet",
        run="results/{study}/train/{method}/seed{seed}/run.json",
    log:
        "logs/{study}/train/{method}/seed{seed}.log",
    benchmark:
        "benchmarks/{study}/train/{method}/seed{seed}.tsv"
    wildcard_constraints:
        method=any_of(STUDY.trained_methods),
    conda:
        environment(STUDY.training.rollout_backend)
    threads: training_threads
    resources:
        **requested("train", training_threads),
    params:
        **settings_of("train"),
        study=STUDY_FILE,
        data=DATA_OPTION,
        recorded=lambda wildcards, input: (
            f"--recorded {input.recorded}" if input.recorded else ""
        ),
        out=subpath(output.run, parent=True),
    # A signal that announces the end of the job must not end the shell before training has saved.
    shell:
        "trap '' USR1; python -m tampo train --study {params.study} {params.data}"
        " --method {wildcards.method} --seed {wildcards.seed}"
        " --model {input.model} {params.recorded} --out {params.out} > {log} 2>&1"
