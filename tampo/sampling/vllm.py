"""Evaluation with vLLM: lm-eval's model, one seed and all sampling fields for every request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lm_eval.models.vllm_causallms import VLLM
from vllm import SamplingParams, TokensPrompt
from vllm.platforms import current_platform

from tampo.sampling.chunked import ChunkedGeneration
from tampo.sampling.hf import DTYPES
from tampo.sampling.partial import Response
from tampo.study.settings import Evaluation

CPU_MEMORY_FRACTION = 0.3
"""Fraction of the machine's memory that the engine and its caches take without a GPU; the
environment variable VLLM_CPU_KVCACHE_SPACE, in GiB, sizes the caches instead."""


def sampling_params(
    settings: Evaluation, seed: int, eos_token_ids: Sequence[int]
) -> SamplingParams:
    """Return the parameters of one response, with every filter set and none left to a default."""
    return SamplingParams(
        n=1,
        seed=seed,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=0,
        min_p=0.0,
        repetition_penalty=1.0,
        presence_penalty=0.0,
        frequency_penalty=0.0,
        max_tokens=settings.max_tokens,
        min_tokens=0,
        stop=[],
        stop_token_ids=list(eos_token_ids),
        ignore_eos=False,
        skip_special_tokens=True,
        spaces_between_special_tokens=False,
        detokenize=True,
    )


class VllmModel(ChunkedGeneration, VLLM):
    """A checkpoint in vLLM.

    Seeds make every response's random numbers its own. Its logits still depend, in their last bits,
    on what vLLM's scheduler batches together, so two runs may differ where the `hf` backend's do not.

    Args:
        checkpoint: folder of weights and tokenizer.
        settings: how to sample.
        eos_token_ids: any of them ends a response.
        max_length: longest prompt and response together, in tokens.
    """

    def __init__(
        self,
        checkpoint: Path,
        settings: Evaluation,
        eos_token_ids: Sequence[int],
        max_length: int,
    ) -> None:
        engine: dict[str, Any] = {"generation_config": "vllm"}
        if current_platform.is_cpu():
            # Seeds of single requests crash the CPU engine when it splits a prompt: it winds their
            # generators back, which torch's CPU generators cannot do.
            engine["enable_chunked_prefill"] = False
            # A fraction of the machine's memory, which is not the engine's alone as a GPU's would be.
            engine["gpu_memory_utilization"] = CPU_MEMORY_FRACTION
        super().__init__(
            pretrained=str(checkpoint),
            dtype=DTYPES[settings.precision],
            max_model_len=max_length,
            seed=0,
            **engine,
        )
        self._settings = settings
        self._eos_token_ids = list(eos_token_ids)

    def sample(self, prompt_ids: Sequence[Sequence[int]], seeds: Sequence[int]) -> list[Response]:
        outputs = self.model.generate(
            [TokensPrompt(prompt_token_ids=list(ids)) for ids in prompt_ids],
            [sampling_params(self._settings, seed, self._eos_token_ids) for seed in seeds],
            use_tqdm=False,
        )
        completions = [output.outputs[0] for output in outputs]
        return [
            Response(c.text, "stop" if c.finish_reason == "stop" else "length", len(c.token_ids))
            for c in completions
        ]
