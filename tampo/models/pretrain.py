"""Pretrain the tiny study's base model from scratch, on a mixture of strategies.

A model pretrained on clean arithmetic leaves reinforcement learning nothing to find. This one has
seen three ways to answer: a worked solution (rare and nearly always right), a direct guess
(frequent and sometimes right) and junk. The worked solution is thus a latent ability that training
can amplify, and the temperature decides how often it is met.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from transformers import (
    AddedToken,
    GenerationConfig,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2Tokenizer,
)

from tampo.models.tokenizer_files import save_tokenizer
from tampo.problems.arithmetic import (
    BOX,
    CHARACTERS,
    FAMILIES,
    STRATEGIES,
    completion,
    draw_problem,
)
from tampo.seeds import derive
from tampo.study.model_settings import PretrainSettings

# `?3+5+2=`: the model has no absolute positions, and the question mark gives it a place to count
# from; the equals sign asks for the answer.
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'user' -%}{{ '?' + message['content'] }}"
    "{%- elif message['role'] == 'assistant' -%}{{ '=' + message['content'] + eos_token }}"
    "{%- else -%}{{ raise_exception('the tiny model knows no role ' + message['role']) }}"
    "{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '=' }}{%- endif -%}"
)
PAD, EOS = "<pad>", "<eos>"
MAX_POSITIONS = 128
# The usual base, 10,000, would leave most rotary frequencies idle over 50 positions.
ROTARY_BASE = 100.0
IGNORED = -100


def build_tokenizer() -> Qwen2Tokenizer:
    r"""Return the tokenizer: `\boxed{` is one token, every other character is its own.

    It is the architecture's own class, a byte-pair tokenizer, with no pairs to merge: transformers
    loads every Qwen2 checkpoint's tokenizer as that class, whatever class was saved. A character
    outside `CHARACTERS` has no token and is left out.
    """
    vocabulary = {token: i for i, token in enumerate([PAD, EOS, BOX, *CHARACTERS])}
    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary,
        merges=[],
        unk_token=None,  # type: ignore[arg-type]  # None means that there is none
        eos_token=EOS,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=MAX_POSITIONS,
        padding_side="left",
    )
    tokenizer.add_tokens([AddedToken(BOX, special=False, normalized=False)])
    return tokenizer


def build_model(settings: PretrainSettings, tokenizer: Qwen2Tokenizer) -> Qwen2ForCausalLM:
    """Return an untrained model, drawn from torch's current random state."""
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.num_layers,
        num_attention_heads=settings.num_heads,
        num_key_value_heads=settings.num_heads,
        intermediate_size=settings.intermediate_size,
        max_position_embeddings=MAX_POSITIONS,
        rope_parameters={"rope_type": "default", "rope_theta": ROTARY_BASE},
        tie_word_embeddings=True,
        initializer_range=0.05,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        dtype="float32",
    )
    return Qwen2ForCausalLM(config)


def draw_text(settings: PretrainSettings, rng: random.Random) -> tuple[str, str, float]:
    """Draw one training problem and a completion of it.

    Returns:
        Problem text, completion text, and the weight of the completion's first token.
    """
    name = rng.choice(list(FAMILIES))
    level = rng.choice(FAMILIES[name].levels)
    problem = draw_problem(name, level, "train", rng)
    practice, shares = settings.practice, settings.shares
    weights = [getattr(practice, strategy) for strategy in STRATEGIES]
    strategy = rng.choices(STRATEGIES, weights=weights)[0]
    text = completion(name, problem, strategy, settings.guess_accuracy, rng)
    return problem, text, getattr(shares, strategy) / getattr(practice, strategy)


@dataclass(frozen=True)
class Batch:
    """Right-padded texts.

    Attributes:
        ids: [B, L], token ids.
        labels: [B, L], the id where a completion is to be predicted, elsewhere `IGNORED`.
        weights: [B, L], the weight of each label in the loss.
    """

    ids: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor

    @property
    def num_targets(self) -> int:
        """Number of tokens to be predicted."""
        return int((self.labels != IGNORED).sum())


def draw_batches(
    settings: PretrainSettings, tokenizer: Qwen2Tokenizer, rng: random.Random
) -> list[Batch]:
    """Draw one step's texts, cut into `length_groups` batches of similar length to save padding."""
    texts = [draw_text(settings, rng) for _ in range(settings.batch_size)]
    texts.sort(key=lambda text: len(text[0]) + len(text[1]))
    groups = min(settings.length_groups, len(texts))
    cuts = [len(texts) * i // groups for i in range(groups + 1)]
    return [encode(texts[a:b], tokenizer) for a, b in pairwise(cuts)]


def encode(texts: list[tuple[str, str, float]], tokenizer: Qwen2Tokenizer) -> Batch:
    """Encode texts of `draw_text` as the chat template writes them."""
    prompts = tokenizer([f"?{problem}=" for problem, _, _ in texts])["input_ids"]
    answers = tokenizer([text + EOS for _, text, _ in texts])["input_ids"]
    length = max(len(p) + len(a) for p, a in zip(prompts, answers, strict=True))
    ids = torch.full((len(texts), length), tokenizer.pad_token_id)
    labels = torch.full_like(ids, IGNORED)
    weights = torch.ones(ids.shape)
    for row, (prompt, answer, text) in enumerate(zip(prompts, answers, texts, strict=True)):
        start, end = len(prompt), len(prompt) + len(answer)
        ids[row, :end] = torch.tensor(prompt + answer)
        labels[row, start:end] = ids[row, start:end]
        weights[row, start] = text[2]
    return Batch(ids, labels, weights)


def weighted_loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Return the sum of the cross-entropies (nats) of the next tokens, weighted by token.

    Args:
        logits: [B, L, V]; position t predicts token t + 1.
        batch: the texts the logits belong to.
    """
    losses = torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1),
        batch.labels[:, 1:].flatten(),
        ignore_index=IGNORED,
        reduction="none",
    )
    return losses @ batch.weights[:, 1:].flatten()


def _learning_rate_factor(settings: PretrainSettings, step: int) -> float:
    if step < settings.warmup_steps:
        return (step + 1) / settings.warmup_steps
    done = (step - settings.warmup_steps) / max(1, settings.steps - settings.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * done))


@contextmanager
def _torch_state(seed: int, threads: int) -> Iterator[None]:
    """Seed torch and set its threads inside the block; restore both after it."""
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def pretrain(
    settings: PretrainSettings, out_dir: Path, seed: int, progress: Callable[[str], None] = print
) -> dict:
    """Pretrain a model and write it, its tokenizer and its generation settings into `out_dir`.

    The same settings and seed reproduce it byte for byte on one machine and software.

    Args:
        out_dir: directory for safetensors, tokenizer and configuration files; made if absent.
        seed: base seed; initial weights and text are derived from it.
        progress: called with one line of text every `progress_every` steps.

    Returns:
        Number of parameters, number of steps, and the mean loss of the last tenth of the steps.
    """
    tokenizer = build_tokenizer()
    rng = random.Random(derive(seed, "pretraining-text"))
    with _torch_state(derive(seed, "initial-weights"), settings.cpu_threads):
        model = build_model(settings, tokenizer)
        losses = _optimise(model, tokenizer, settings, rng, progress)
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out_dir)
    save_tokenizer(tokenizer, out_dir)
    last = losses[-max(1, len(losses) // 10) :]
    return {
        "parameters": model.num_parameters(),
        "steps": settings.steps,
        "final_loss": sum(last) / len(last),
    }


def _optimisers(
    model: Qwen2ForCausalLM, settings: PretrainSettings
) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Return Muon for the weight matrices of the layers and AdamW for all else.

    After 600 steps, worked sums were right 85 % of the time with Muon, 45 % with AdamW alone.
    """
    matrices: list[torch.nn.Parameter] = []
    rest: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        in_layer = parameter.ndim == 2 and "embed" not in name
        (matrices if in_layer else rest).append(parameter)
    return (
        torch.optim.Muon(matrices, lr=settings.matrix_learning_rate, weight_decay=0.0),
        torch.optim.AdamW(rest, lr=settings.learning_rate, betas=(0.9, 0.99), weight_decay=0.0),
    )


def _accumulate(model: Qwen2ForCausalLM, batches: list[Batch]) -> float:
    """Add the gradient of the mean loss over `batches`; return that loss in nats per token."""
    num_targets = sum(batch.num_targets for batch in batches)
    total = 0.0
    for batch in batches:
        loss = weighted_loss(model(input_ids=batch.ids).logits, batch) / num_targets
        loss.backward()
        total += loss.item()
    return total


def _optimise(
    model: Qwen2ForCausalLM,
    tokenizer: Qwen2Tokenizer,
    settings: PretrainSettings,
    rng: random.Random,
    progress: Callable[[str], None],
) -> list[float]:
    """Train `model` in place; return the loss of every step."""
    optimisers = _optimisers(model, settings)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(o, partial(_learning_rate_factor, settings))
        for o in optimisers
    ]
    model.train()
    losses = []
    for step in range(settings.steps):
        model.zero_grad(set_to_none=True)
        losses.append(_accumulate(model, draw_batches(settings, tokenizer, rng)))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
        for schedule in schedules:
            schedule.step()
        if (step + 1) % settings.progress_every == 0 or step + 1 == settings.steps:
            recent = losses[-settings.progress_every :]
            progress(
                f"pretraining step {step + 1}/{settings.steps} loss {sum(recent) / len(recent):.4f}"
            )
    model.eval()
    return losses
