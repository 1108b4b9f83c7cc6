# Stage 1: the base model as safetensors, from the hub, out of a package, or pretrained here, and warmed up.
# What needs the network runs where Snakemake was started: compute nodes often have none.
if STUDY.model.source != "pretrain":

    localrules:
        model,


localrules:
    prefetch,


rule model:
    output:
        directory("results/{study}/model"),
    log:
        "logs/{study}/model.log",
    benchmark:
        "benchmarks/{study}/model.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: STUDY.training.cpu_threads
    resources:
        **requested("model", STUDY.training.cpu_threads),
    params:
        **settings_of("model"),
        study=STUDY_FILE,
        data=DATA_OPTION if STUDY.warm_up else "",
    shell:
        "python -m tampo model --study {params.study} {params.data} --out {output}"
        " > {log} 2>&1"


# All that a study reads from the network: its base model, and its problem sets as files.
rule prefetch:
    input:
        f"results/{STUDY.name}/model",
    output:
        directory(f"results/{STUDY.name}/problems"),
    log:
        f"logs/{STUDY.name}/prefetch.log",
    benchmark:
        f"benchmarks/{STUDY.name}/prefetch.tsv"
    conda:
        "../../envs/cpu.yaml"
    params:
        study=STUDY_FILE,
        data=DATA_OPTION,
    shell:
        "python -m tampo prefetch --study {params.study} {params.data} --out {output}"
        " > {log} 2>&1"
