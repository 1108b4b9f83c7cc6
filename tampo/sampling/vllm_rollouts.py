"""Training rollouts with vLLM: one seed for every completion, as the sampler in transformers has.

TRL hands its engine one `SamplingParams` for a whole batch, in which a prompt is repeated once per
completion. A seed in it would make all completions of a group the same, so TRL sets none, and
vLLM then draws from generators of the process: the same under every base seed of a study, another
one after a resume. Here every request is given the seed of its own row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class SeededRequests:
    """Stands before TRL's engine and seeds its requests; all else is the engine's own.

    Attributes:
        seeds: [n] seed of each prompt of the next call of `generate`, set before every call; None for a
            call whose requests draw as the engine has it.

    Args:
        engine: a `vllm.LLM`.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.seeds: Sequence[int] | None = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def generate(self, prompts: Sequence[Any], sampling_params: Any, **options: Any) -> list[Any]:
        """Answer n prompts with one completion each, every one from its own seed.

        Args:
            prompts: n prompts.
            sampling_params: what the requests have in common; its `n` must be 1.
            options: passed on.

        Raises:
            ValueError: there is not one seed and one completion per prompt: vLLM would answer with
                completions that repeat each other or that nothing names.
        """
        if self.seeds is None:
            return self._engine.generate(prompts, sampling_params=sampling_params, **options)
        if len(prompts) != len(self.seeds) or sampling_params.n != 1:
            raise ValueError(
                f"{len(prompts)} prompts with n = {sampling_params.n} completions each, "
                f"{len(self.seeds)} seeds; one seed per prompt and n = 1 are needed"
            )
        seeded = []
        for seed in self.seeds:
            own = sampling_params.clone()
            own.seed = seed
            seeded.append(own)
        self.seeds = ()
        return self._engine.generate(prompts, sampling_params=seeded, **options)
