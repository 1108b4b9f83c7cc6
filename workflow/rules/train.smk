# Stage 2: GRPO under one temperature policy with one seed.
#
# The job keeps what it needs to go on after a kill in `resume/` beside the declared outputs:
# Snakemake deletes the outputs of an unfinished job, and must not delete that.
rule train:
    input:
        model=f"{RESULTS}/{layout.MODEL}",
        recorded=JOBS.recorded,
    output:
        checkpoint=directory(f"{TRAIN}/{layout.CHECKPOINT}"),
        steps=f"{TRAIN}/{layout.STEPS_LOG}",
        policy=f"{TRAIN}/{layout.POLICY_LOG}",
        trajectories=f"{TRAIN}/{layout.TRAJECTORIES}",
        run=f"{TRAIN}/{layout.RUN_JSON}",
    log:
        log_of(layout.TRAIN, "{method}", "{seed}"),
    benchmark:
        timing_of(layout.TRAIN, "{method}", "{seed}")
    wildcard_constraints:
        method=any_of(STUDY.trained_methods),
    conda:
        environment(STUDY.training.rollout_backend)
    threads: JOBS.training_threads
    resources:
        **JOBS.requested("train", JOBS.training_threads),
    params:
        **JOBS.settings_of("train"),
        study=JOBS.file,
        data=JOBS.data_option,
        recorded=lambda wildcards, input: (
            f"--recorded {input.recorded}" if input.recorded else ""
        ),
        out=subpath(output.run, parent=True),
    # A stop signal ahead of the job's end must not end the shell before training has saved.
    shell:
        "trap '' USR1; python -m tampo train --study {params.study} {params.data}"
        " --method {wildcards.method} --seed {wildcards.seed}"
        " --model {input.model} {params.recorded} --out {params.out} > {log} 2>&1"
