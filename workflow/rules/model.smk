# Stage 1: the base model as safetensors, from the hub, out of a package, or pretrained here, and its SFT cold start.
# What needs the network runs where Snakemake was started: compute nodes often have none.
if STUDY.model.source != "pretrain":

    localrules:
        model,


localrules:
    prefetch,


rule model:
    output:
        directory(f"{RESULTS}/{layout.MODEL}"),
    log:
        log_of(layout.MODEL),
    benchmark:
        timing_of(layout.MODEL)
    conda:
        "../../envs/cpu.yaml"
    threads: STUDY.training.cpu_threads
    resources:
        **JOBS.requested("model", STUDY.training.cpu_threads),
    params:
        **JOBS.settings_of("model"),
        study=JOBS.file,
        data=JOBS.data_option if STUDY.cold_start else "",
    shell:
        "python -m tampo model --study {params.study} {params.data} --out {output}"
        " > {log} 2>&1"


# All that a study reads from the network: its base model, and its problem sets as files.
rule prefetch:
    input:
        f"{layout.RESULTS}/{STUDY.name}/{layout.MODEL}",
    output:
        directory(f"{layout.RESULTS}/{STUDY.name}/{layout.PREFETCHED}"),
    log:
        layout.log_file(STUDY.name, "prefetch"),
    benchmark:
        layout.timing_file(STUDY.name, "prefetch")
    conda:
        "../../envs/cpu.yaml"
    params:
        study=JOBS.file,
        data=JOBS.data_option,
    shell:
        "python -m tampo prefetch --study {params.study} {params.data} --out {output}"
        " > {log} 2>&1"
