"""Sampling in chunks whose shape follows from the benchmark alone.

The last bits of logits depend on the shape of a batch, and with them, now and then, a token. So a
chunk is always the same problems with all their samples: the problems `i * size` to
`(i + 1) * size - 1` of the whole benchmark, whatever a limit or another benchmark does.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tampo.sampling.partial import PartialResponses, Response
from tampo.seeds import derive


@dataclass(frozen=True)
class Plan:
    """What is sampled of one benchmark."""

    benchmark: str
    data_sha256: str
    """Checksum of the whole problem set."""
    ids: list[str]
    """Ids of all its problems, in order, at least up to the end of the last chunk needed."""
    prompts: list[str]
    """Their prompts as rendered by the chat template."""
    prompt_ids: list[list[int]]
    """The same as token ids."""
    samples: int
    """Responses per problem."""
    chunk_size: int
    """Problems per chunk."""
    seed: int
    """Base seed of the evaluation."""
    partial: PartialResponses

    def chunk(self, index: int) -> range:
        """Return the positions of the problems of chunk `index`."""
        start = index * self.chunk_size
        return range(start, min(start + self.chunk_size, len(self.ids)))

    def seeds(self, position: int) -> list[int]:
        """Return the seed of each sample of the problem at `position`."""
        return [
            derive(self.seed, "evaluate", self.benchmark, self.ids[position], repeat)
            for repeat in range(self.samples)
        ]


class ChunkedGeneration(ABC):
    """Mixin of lm-eval language models: answers `generate_until` from chunks and stores each one.

    A subclass samples a batch in `sample`.
    """

    plans: dict[str, Plan]
    progress: Callable[[str], None]

    @abstractmethod
    def sample(self, prompt_ids: Sequence[Sequence[int]], seeds: Sequence[int]) -> list[Response]:
        """Sample one response for each of B prompts.

        Args:
            prompt_ids: B lists of token ids.
            seeds: [B] seed of each response's own random stream.
        """

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[Response]:
        """Return a response for each of lm-eval's requests, in order.

        The n-th request for a document is answered with its n-th sample.

        Raises:
            ValueError: a prompt differs from the one that training would have used, or a document
                is not requested once per sample.
        """
        documents: dict[str, dict[int, str]] = defaultdict(dict)
        counts: dict[tuple[str, int], int] = defaultdict(int)
        order = []
        for request in requests:
            key = (request.task_name, request.doc_id)
            documents[request.task_name][request.doc_id] = request.args[0]
            order.append((*key, counts[key]))
            counts[key] += 1
        for name, contexts in documents.items():
            self._check(name, contexts, {d: counts[name, d] for d in contexts})
        found = {
            name: self._collect(self.plans[name], sorted(documents[name])) for name in documents
        }
        return [found[name][document][repeat] for name, document, repeat in order]

    def _check(self, name: str, contexts: dict[int, str], counts: dict[int, int]) -> None:
        plan = self.plans[name]
        for document, context in contexts.items():
            if context != plan.prompts[document]:
                raise ValueError(
                    f"{name} {plan.ids[document]}: lm-eval's prompt {context!r} is not the prompt "
                    f"of training, {plan.prompts[document]!r}"
                )
            if counts[document] != plan.samples:
                raise ValueError(
                    f"{name} {plan.ids[document]}: {counts[document]} responses were requested, "
                    f"the plan has {plan.samples}"
                )

    def _collect(self, plan: Plan, documents: list[int]) -> dict[int, list[Response]]:
        chunks = sorted({document // plan.chunk_size for document in documents})
        missing = [chunk for chunk in chunks if chunk not in plan.partial]
        if len(missing) < len(chunks):
            self.progress(f"{plan.benchmark}: {len(chunks) - len(missing)} chunks already sampled")
        started, tokens = time.monotonic(), 0
        for done, index in enumerate(missing, start=1):
            tokens += self._fill(plan, index)
            seconds = time.monotonic() - started
            self.progress(
                f"{plan.benchmark}: {plan.chunk(index).stop} of {len(plan.ids)} problems, "
                f"{tokens / seconds:.0f} tokens/s, "
                f"{seconds / done * (len(missing) - done):.0f} s left"
            )
        rows: dict[int, list[Response]] = {}
        for index in chunks:
            rows |= dict(zip(plan.chunk(index), plan.partial[index], strict=True))
        return rows

    def _fill(self, plan: Plan, index: int) -> int:
        """Sample and store one chunk; return its number of tokens."""
        positions = plan.chunk(index)
        prompts = [plan.prompt_ids[p] for p in positions for _ in range(plan.samples)]
        responses = self.sample(prompts, [seed for p in positions for seed in plan.seeds(p)])
        if len(responses) != len(prompts):
            raise ValueError(
                f"{plan.benchmark}: backend returned {len(responses)} responses to "
                f"{len(prompts)} prompts"
            )
        n = plan.samples
        plan.partial.add(index, [responses[i * n : (i + 1) * n] for i in range(len(positions))])
        return sum(response.tokens for response in responses)
