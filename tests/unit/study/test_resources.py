"""What jobs ask for: defaults without a cluster, attempts that grow, batches that must divide."""

import pytest
from pydantic import ValidationError
from support.studies import micro_study

from tampo.study.resources import JobResources, Resources, TrainResources, accumulation_steps
from tampo.study.settings import Training
from tampo.study.slices import slice_of


def test_by_default_a_study_asks_for_one_process_and_no_gpu():
    train = Resources().train
    assert (train.gpus, train.num_processes, train.engine) == (0, 1, "ddp")


def test_the_time_limit_grows_with_the_attempt_up_to_what_is_granted():
    resources = JobResources(minutes=40, max_minutes=100)
    assert [resources.minutes_of(attempt) for attempt in (1, 2, 3, 4)] == [40, 80, 100, 100]


def test_there_is_one_process_per_gpu():
    assert TrainResources(gpus=8).num_processes == 8
    assert TrainResources(processes=3).num_processes == 3
    with pytest.raises(ValidationError, match="processes is 2 with gpus 8; legal: null or 8"):
        TrainResources(gpus=8, processes=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "zero2"}, "engine 'zero2' needs GPUs; without any, legal: 'ddp'"),
        ({"minutes": 90, "max_minutes": 60}, "minutes 90 is more than max_minutes 60"),
        ({"engine": "zero3"}, "'ddp', 'zero1' or 'zero2'"),
        ({"gpu": 1}, "Extra inputs"),
    ],
)
def test_what_no_machine_could_run_is_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        TrainResources(**settings)


def test_the_completions_of_a_step_stay_whatever_the_number_of_processes():
    """72 completions in micro-batches of 6 are 12 rounds of one process, 4 of three, 1 of twelve."""
    training = Training(problems="open-s1", prompts_per_step=12, group_size=6, micro_batch=6)
    assert [accumulation_steps(training, n) for n in (1, 3, 12)] == [12, 4, 1]
    with pytest.raises(
        ValueError,
        match=r"= 72 completions do not divide over 8 processes of micro_batch = 6; "
        r"numbers of processes that keep the batch: 1, 2, 3, 4, 6, 12$",
    ):
        accumulation_steps(training, 8)


def test_a_batch_that_does_not_divide_stops_the_study_before_it_starts():
    with pytest.raises(
        ValidationError, match=r"resources.train, method cold: .* 16 .* over 3 processes"
    ):
        micro_study(resources={"train": {"processes": 3}})


def test_a_change_of_resources_reruns_nothing():
    more = micro_study(resources={"train": {"mem_mb": 9000, "minutes": 5, "processes": 2}})
    for stage in ("model", "train", "evaluate", "aggregate", "report"):
        assert slice_of(more, stage, "tampo") == slice_of(micro_study(), stage, "tampo")


def test_the_base_model_does_not_depend_on_where_problems_are_read():
    benchmarks = [{"name": "aime24", "samples": 2}]
    hub, folder = (micro_study(benchmarks=benchmarks, data_dir=d) for d in (None, "there"))
    assert slice_of(folder, "model") == slice_of(hub, "model")
    assert slice_of(folder, "evaluate") != slice_of(hub, "evaluate")
