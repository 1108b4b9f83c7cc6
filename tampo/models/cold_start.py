r"""SFT cold start: a base model trained on worked solutions by TRL's `SFTTrainer`, before any run.

GRPO learns from answers that differ in reward. A small model that hardly ever boxes a number gives
it none, so a study may start with supervised steps. The prompt is the study's own; the
target is the solution, a line break and the answer in `\boxed{}`, and the loss is the target's alone.
"""

from __future__ import annotations

import logging
import tempfile
from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.trainer_callback import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from tampo import seeds
from tampo.models.precision import require_precision
from tampo.problems import prompts
from tampo.problems.problem_sets import fingerprint, load_problems, source
from tampo.problems.prompts import Prompt
from tampo.study.model_settings import ColdStart

logger = logging.getLogger(__name__)


class _Progress(TrainerCallback):
    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if logs and "loss" in logs:
            logger.info(
                "cold start %d/%d  loss %.3f", state.global_step, args.max_steps, logs["loss"]
            )


def cold_start(
    settings: ColdStart,
    prompt: Prompt,
    data_dir: str | None,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
) -> dict[str, Any]:
    """Train all weights of `model` in place and return what was done, for run.json.

    Args:
        settings: problems, steps and optimisation.
        prompt: the study's prompt.
        data_dir: folder of problem sets, or None for the hub.
        model: float32 weights; changed.
        tokenizer: its tokenizer, with a chat template.

    Returns:
        Settings, source and fingerprint of the problems, how many were used and what was left
        out, and the loss of every step in nats per token.

    Raises:
        ValueError: no problem has a solution, or the GPU lacks the precision.
    """
    require_precision("cold_start.precision", settings.precision)
    torch.set_num_threads(settings.cpu_threads)
    problems = load_problems(settings.problems, data_dir)
    solved = [problem for problem in problems if problem.get("solution")]
    if not solved:
        raise ValueError(
            f"cold_start.problems: none of the {len(problems)} records of {settings.problems} has a "
            "`solution`; the set's source on the hub has them, and so has what `prefetch` stores"
        )
    with tempfile.TemporaryDirectory() as scratch:
        trainer = SFTTrainer(
            model=model,
            args=_configuration(settings, scratch),
            train_dataset=_examples(settings, prompt, solved),
            processing_class=tokenizer,
        )
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(_Progress())
        trainer.train()
    return {
        **settings.model_dump(),
        "source": source(settings.problems, data_dir),
        "sha256": fingerprint(problems),
        "problems": {"used": len(solved), "without a solution": len(problems) - len(solved)},
        "loss": [row["loss"] for row in trainer.state.log_history if "loss" in row],
    }


def target(problem: dict[str, Any]) -> str:
    r"""Return the target completion: calculations and the boxed answer."""
    return f"{problem['solution']}\n\\boxed{{{problem['answer'][0]}}}"


def _examples(settings: ColdStart, prompt: Prompt, solved: list[dict[str, Any]]) -> Dataset:
    """Return the examples in training order: whole passes, each in an order of its own."""
    needed = settings.steps * settings.batch_size
    order: list[int] = []
    while len(order) < needed:
        passes = len(order) // len(solved)
        generator = seeds.generator(settings.seed, "warm-up-order", passes)
        order.extend(generator.permutation(len(solved)).tolist())
    rows = [solved[index] for index in order[:needed]]
    return Dataset.from_dict(
        {
            "prompt": [prompts.messages(prompt, row["problem"]) for row in rows],
            "completion": [[{"role": "assistant", "content": target(row)}] for row in rows],
        }
    )


def _configuration(settings: ColdStart, scratch: str) -> SFTConfig:
    on_cpu = not torch.cuda.is_available()
    return SFTConfig(
        output_dir=scratch,
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=-(-settings.steps // 10),
        weight_decay=0.0,
        # Nothing is truncated: a solution without its end would teach the model to stop before the answer.
        max_length=None,
        completion_only_loss=True,
        bf16=settings.precision == "bf16",
        fp16=settings.precision == "fp16",
        gradient_checkpointing=False,
        use_cpu=on_cpu,
        seed=seeds.derive(settings.seed, "warm-up") % 2**31,
        train_sampling_strategy="sequential",
        report_to=[],
        logging_steps=1,
        save_strategy="no",
        disable_tqdm=True,
        dataloader_pin_memory=not on_cpu,
    )
