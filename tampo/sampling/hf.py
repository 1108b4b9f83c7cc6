"""Evaluation with transformers: lm-eval's model, our sampler."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from lm_eval.models.huggingface import HFLM

from tampo.sampling import sampler
from tampo.sampling.chunked import ChunkedGeneration
from tampo.sampling.partial import Response
from tampo.study.settings import Evaluation

DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


class TransformersModel(ChunkedGeneration, HFLM):
    """A checkpoint in transformers, sampled by inverse CDF with one stream per response.

    Args:
        checkpoint: folder of weights and tokenizer.
        settings: how to sample; the model's own generation config takes no part.
        eos_token_ids: any of them ends a response.
    """

    def __init__(
        self, checkpoint: Path, settings: Evaluation, eos_token_ids: Sequence[int]
    ) -> None:
        super().__init__(
            pretrained=str(checkpoint),
            backend="causal",
            dtype=DTYPES[settings.precision],
            device="cuda" if torch.cuda.is_available() else "cpu",
        )
        self._settings = settings
        self._eos_token_ids = list(eos_token_ids)

    def sample(self, prompt_ids: Sequence[Sequence[int]], seeds: Sequence[int]) -> list[Response]:
        completions = sampler.generate(
            self.model,
            prompt_ids,
            max_new_tokens=self._settings.max_tokens,
            temperatures=torch.tensor(self._settings.temperature),
            uniforms=sampler.uniforms(seeds, self._settings.max_tokens),
            top_p=self._settings.top_p,
            eos_token_ids=self._eos_token_ids,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        if not all(math.isfinite(value) for row in completions.log_probs for value in row):
            raise ValueError(
                f"{self.config.name_or_path}: the log-probabilities of the model are NaN or infinite; "
                "what it samples is no response"
            )
        return [
            Response(
                self.tokenizer.decode(ids, skip_special_tokens=True),
                "stop" if finished else "length",
                len(ids),
            )
            for ids, finished in zip(completions.token_ids, completions.finished, strict=True)
        ]
