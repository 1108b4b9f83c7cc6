# One study, from base model to tables: model -> train -> evaluate -> aggregate -> report.
#
#   snakemake results/table1.csv              the default study's Table 1
#   snakemake --config study=smol             another study of workflow/studies
#   snakemake --config data_dir=DIR           read problem sets from DIR instead of the hub
#   snakemake --report report.zip             the results with captions, to pass on
from snakemake.utils import min_version

min_version("9.0")


report: "workflow/report/workflow.rst"


# Used with `--sdm apptainer` only; envs/tampo.def builds it.
container: "envs/tampo.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/model.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        layout.RESULTS / layout.TABLE1,


onstart:
    stop_on_signals()
    keep_earlier_logs(workflow.logger_manager)
    say_one_line_per_job(workflow.logger_manager)


onsuccess:
    print_table1(STUDY.name)


onerror:
    print_failures(log)
