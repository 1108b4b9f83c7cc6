"""Stage `train`: one method, one seed, from the base model to a checkpoint and its logs."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import accelerate
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedTokenizerBase,
)

from tampo import layout, seeds
from tampo.files import checksums, directory_written_whole, read_jsonl
from tampo.grading import GRADER_VERSION
from tampo.grading.rewards import REWARDS
from tampo.models.precision import require_gpus
from tampo.models.suitability import require_adaptable, require_positions, require_tokenizer
from tampo.models.tokenizer_files import save_tokenizer
from tampo.problems.problem_sets import identity
from tampo.records import provenance
from tampo.records.collapse import collapses
from tampo.records.outcomes import write_marker
from tampo.records.run_json import Divergence, LeftOut, ModelRun, Overlap, TrainRun, read_run
from tampo.stages.training_problems import TOO_LONG, TrainingProblems, training_problems
from tampo.study.contamination import refuse_contaminated
from tampo.study.settings import Training
from tampo.study.slices import slice_of
from tampo.study.study import UNTRAINED, Study, StudyError
from tampo.temperature.protocol import TemperaturePolicy
from tampo.temperature.registry import build_policy
from tampo.training.divergence import Diverged
from tampo.training.grpo_settings import (
    GROUP_TOKEN_MEAN,
    advantage_weights,
    grpo_config,
    lora_config,
)
from tampo.training.resume_folder import MODEL, RUN, SETTINGS, ResumeFolder
from tampo.training.rollout_batch import no_trajectories
from tampo.training.run_log import RunLog
from tampo.training.stop_at_step_end import StopAtStepEnd
from tampo.training.stop_signals import Stopped, stop_request
from tampo.training.study_trainer import StudyTrainer

logger = logging.getLogger(__name__)


def train(
    study: Study,
    method: str,
    seed: int,
    model: Path,
    out: Path,
    recorded: Path | None = None,
    reporting: Mapping[str, Any] | None = None,
) -> None:
    """Train `method` with base seed `seed` and write the run to `out`.

    A run that was interrupted leaves `out/resume`; the next call with the same settings continues from
    its last complete checkpoint and ends with the same files as a run that was never interrupted.

    A run that diverges ends well, as its outcome: run.json has the step and the reason, the logs hold
    the steps before it, and checkpoint/ says the same and holds no weights.

    Args:
        model: folder of the base model, with its run.json.
        out: folder of the run: checkpoint/, steps.jsonl, policy.jsonl, trajectories.parquet and
            run.json appear when the run is over.
        recorded: steps.jsonl of the run whose temperatures the method's policy replays; needed
            by such a policy and by no other.
        reporting: where steps are told as they come (`tampo.training.trackers.reporting`).

    Raises:
        StudyError: the method is not one that is trained, lacks the run that it replays, would
            train on problems of the study's benchmarks, or cannot train this model as the study asks
            (`tampo.models.suitability`); or what is left to resume is another run's.
        FolderInUse: another process is writing this run.
        FileNotFoundError: `model` is no finished base model.
        Stopped: SIGTERM or SIGUSR1 came; training ended with the step, and a checkpoint.
    """
    started = time.time()
    chosen = study.method(method)
    if chosen.policy == UNTRAINED:
        raise StudyError(f"method {method!r} is the base model itself; there is nothing to train")
    if not (model / layout.RUN_JSON).is_file():
        raise FileNotFoundError(f"{model} is no finished base model: it has no run.json")
    require_gpus("resources.train.gpus", study.resources.train.gpus)
    training = study.training_of(method)
    shared = refuse_contaminated(study, [training.problems])
    temperatures = _recorded_temperatures(study, method, seed, recorded)
    torch.set_num_threads(training.cpu_threads)
    if not training.learns:
        logger.warning(
            "training.steps: the learning rate is 0 in every step (the warm-up of %d has its first "
            "step at 0), so the weights will be those of the base model",
            training.warmup_steps,
        )
    resume = ResumeFolder(out / layout.RESUME)
    patience = timedelta(minutes=study.resources.train.collective_minutes)
    processes = accelerate.PartialState(cpu=not torch.cuda.is_available(), timeout=patience)
    base = read_run(model / layout.RUN_JSON, ModelRun).files
    with resume.locked() if processes.is_main_process else nullcontext():
        if processes.is_main_process:
            resume.prepare(
                {
                    RUN: {"study": study.name, "method": method, "seed": seed},
                    MODEL: base,
                    SETTINGS: json.loads(slice_of(study, "train", method)),
                    "recorded": list(temperatures),
                }
            )
        processes.wait_for_everyone()
        checkpoint = resume.newest
        tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
        require_tokenizer(tokenizer, study.prompt)
        problems = training_problems(study, training, tokenizer, seed)
        config = AutoConfig.from_pretrained(model)
        require_positions(config, problems.longest, training, study.evaluation)
        diverged = _replayed_divergence(recorded)
        run_log, candidates = _run_log(training, resume), tuple(training.candidate_temperatures)
        if diverged is None:
            vocabulary = config.get_text_config().vocab_size
            context = study.policy_context(method, seed, vocabulary, temperatures)
            policy = build_policy(chosen.policy, chosen.settings, context)
            trainer = _trainer(
                training, policy, problems, tokenizer, model, resume, seed, reporting
            )
            diverged = _steps(trainer, checkpoint, training.steps)
            run_log, candidates = trainer.run_log, trainer.candidates
        if not processes.is_main_process:
            return
        if diverged is None:
            _publish(trainer, tokenizer, model, out)
        else:
            logger.warning("%s; the run ends here and is not evaluated", diverged)
            _publish_diverged(diverged, run_log, candidates, out)
        collapsed = collapses(read_jsonl(out / layout.STEPS_LOG), training.steps)
        record = provenance.collect(
            "train",
            {"method": chosen.model_dump(), "seed": seed, "training": training.model_dump()},
            started,
        )
        TrainRun(
            **record,
            study=study.name,
            base_model=base,
            grader=GRADER_VERSION,
            resumed_from=None if checkpoint is None else checkpoint.name,
            processes=processes.num_processes,
            problems_left_out=LeftOut(reason=TOO_LONG, ids=problems.left_out),
            problems=identity(training.problems, study.data_dir),
            overlap=Overlap(found=shared.counts(), not_read=sorted(shared.unread)),
            **({} if diverged is None else {"diverged": diverged}),
            **({"collapse": collapsed} if collapsed else {}),
            files=published_files(out),
        ).write(out)
        shutil.rmtree(resume.path)


def _steps(trainer: StudyTrainer, checkpoint: Path | None, steps: int) -> Divergence | None:
    """Train to the end; return where the run diverged, if it did.

    Raises:
        Stopped: a signal ended training before its last step.
    """
    if checkpoint is not None:
        logger.info("resuming from %s", checkpoint)
    with stop_request() as request:
        trainer.add_callback(StopAtStepEnd(request))
        try:
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        except Diverged as end:
            return Divergence(step=end.step, what=end.what)
    trainer.accelerator.wait_for_everyone()
    if trainer.state.global_step < steps:
        raise Stopped(
            f"stopped by {request.reason} after step {trainer.state.global_step} of "
            f"{steps}; a checkpoint is saved; the same command continues from it"
        )
    return None


def _replayed_divergence(recorded: Path | None) -> Divergence | None:
    """Return why a run cannot replay what another recorded: that one diverged before its end."""
    if recorded is None or not (recorded.parent / layout.RUN_JSON).is_file():
        return None
    replayed = read_run(recorded.parent / layout.RUN_JSON, TrainRun)
    if replayed.diverged is None:
        return None
    method, seed = replayed.arguments["method"]["name"], replayed.arguments["seed"]
    what = f"it replays the temperatures of {method}, seed {seed}, which {replayed.diverged}"
    return Divergence(step=0, what=what)


def _recorded_temperatures(
    study: Study, method: str, seed: int, recorded: Path | None
) -> tuple[float, ...]:
    replayed = study.replayed_run(method, seed)
    if (replayed is None) != (recorded is None):
        needed = "none" if replayed is None else "steps.jsonl of {}, seed {}".format(*replayed)
        raise StudyError(f"method {method!r}: --recorded is {recorded}; needed: {needed}")
    return (
        () if recorded is None else tuple(row[layout.TEMPERATURE] for row in read_jsonl(recorded))
    )


def _run_log(training: Training, resume: ResumeFolder) -> RunLog:
    # A rollout batch is made every `iterations` steps.
    return RunLog(resume.log, training.trajectories_every * training.iterations)


def _trainer(
    training: Training,
    policy: TemperaturePolicy,
    problems: TrainingProblems,
    tokenizer: PreTrainedTokenizerBase,
    model: Path,
    resume: ResumeFolder,
    seed: int,
    reporting: Mapping[str, Any] | None,
) -> StudyTrainer:
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    require_adaptable(loaded, training.lora)
    candidates = sorted({*training.candidate_temperatures, *policy.candidates})
    return StudyTrainer(
        temperature=policy,
        candidates=tuple(candidates),
        base_seed=seed,
        run_log=_run_log(training, resume),
        logprob_temperature=training.logprob_temperature,
        group_token_mean=training.loss == GROUP_TOKEN_MEAN,
        weights=advantage_weights(training),
        model=loaded,
        reward_funcs=[REWARDS[reward.name] for reward in training.rewards],
        args=grpo_config(training, resume.checkpoints, seeds.derive(seed, "trainer"), reporting),
        train_dataset=problems.dataset,
        processing_class=tokenizer,
        peft_config=lora_config(training),
    )


def _publish(
    trainer: StudyTrainer, tokenizer: PreTrainedTokenizerBase, base: Path, out: Path
) -> None:
    model = trainer.accelerator.unwrap_model(trainer.model)
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    with directory_written_whole(out / layout.CHECKPOINT) as folder:
        model.save_pretrained(folder)
        save_tokenizer(tokenizer, folder)
        # The trainer aligns the model's with the tokenizer, which names one end of sequence alone.
        GenerationConfig.from_pretrained(base).save_pretrained(folder)
    trainer.run_log.publish(out)


def _publish_diverged(
    diverged: Divergence, run_log: RunLog, candidates: tuple[float, ...], out: Path
) -> None:
    """Write the logs of the steps before a divergence, and a checkpoint that says what it lacks."""
    with directory_written_whole(out / layout.CHECKPOINT) as folder:
        write_marker(folder, diverged)
    run_log.rewind(diverged.step)
    run_log.publish(out, no_trajectories(candidates))


def published_files(out: Path) -> dict[str, str]:
    """Return the checksum of every file of a run but those of its folder for resuming."""
    return {
        name: digest
        for name, digest in checksums(out).items()
        if not name.startswith(f"{layout.RESUME}/")
    }
