"""Sampling: the right distribution, from the sequence's own stream, free of hidden filters."""

import numpy as np
import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from tampo.sampling.sampler import InverseCdfSampler, _nucleus, generate, uniforms

VOCABULARY = 12
EOS, PAD = 1, 0


@pytest.fixture(scope="module")
def model() -> Qwen2ForCausalLM:
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        pad_token_id=PAD,
        eos_token_id=EOS,
    )
    return Qwen2ForCausalLM(config).eval()


def sample(model, prompts, seeds, temperature=1.0, length=8, top_p=1.0):
    return generate(
        model,
        prompts,
        max_new_tokens=length,
        temperatures=torch.tensor(temperature),
        uniforms=uniforms(seeds, length),
        eos_token_ids=[EOS],
        pad_token_id=PAD,
        top_p=top_p,
    )


def test_frequencies_follow_the_tempered_distribution():
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0]).expand(20_000, 4)
    temperature = 0.7
    sampler = InverseCdfSampler(torch.full((20_000,), temperature), uniforms(range(20_000), 1))
    tokens = sampler(torch.zeros(20_000, 1, dtype=torch.long), logits).argmax(-1)
    expected = torch.softmax(logits[0] / temperature, -1).numpy()
    observed = np.bincount(tokens.numpy(), minlength=4) / 20_000
    # Four standard errors of a binomial proportion.
    assert np.all(np.abs(observed - expected) < 4 * np.sqrt(expected * (1 - expected) / 20_000))


def test_nucleus_keeps_the_smallest_prefix_that_reaches_top_p():
    logits = torch.log(torch.tensor([[0.1, 0.5, 0.15, 0.25]])).expand(400, 4)
    sampler = InverseCdfSampler(torch.ones(400), uniforms(range(400), 1), top_p=0.7)
    tokens = sampler(torch.zeros(400, 1, dtype=torch.long), logits).argmax(-1)
    assert set(tokens.tolist()) == {1, 3}
    first = tokens.tolist().index(1)
    assert sampler.log_probs[0][first].item() == pytest.approx(np.log(0.5 / 0.75), abs=1e-5)


def test_rows_have_their_own_temperature():
    logits = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    sampler = InverseCdfSampler(torch.tensor([0.5, 2.0]), torch.zeros(2, 1, dtype=torch.float64))
    sampler(torch.zeros(2, 1, dtype=torch.long), logits)
    expected = [-np.log1p(np.exp(-2.0)), -np.log1p(np.exp(-0.5))]
    assert sampler.log_probs[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_a_row_depends_on_its_own_stream_only(model):
    prompts = [[3, 4], [5, 6], [7, 8]]
    one = sample(model, prompts, [11, 22, 33])
    two = sample(model, prompts, [11, 99, 33])
    assert one.token_ids[0] == two.token_ids[0]
    assert one.token_ids[2] == two.token_ids[2]
    assert one.token_ids[1] != two.token_ids[1]


def test_log_probs_are_those_of_the_model_at_the_temperature(model):
    prompts, temperature = [[3, 4, 5], [6]], 1.3
    completions = sample(model, prompts, [1, 2], temperature)
    for prompt, tokens, log_probs in zip(
        prompts, completions.token_ids, completions.log_probs, strict=True
    ):
        logits = model(torch.tensor([prompt + tokens])).logits[0, len(prompt) - 1 : -1]
        expected = torch.log_softmax(logits / temperature, -1).gather(
            -1, torch.tensor(tokens)[:, None]
        )
        assert log_probs == pytest.approx(expected.squeeze(-1).tolist(), abs=1e-4)


def test_a_prompt_is_read_once_however_many_completions_it_has(model):
    """The same completions as one row at a time, from one pass over each distinct prompt."""
    prompts = [[3, 4, 5], [6], [3, 4, 5], [7, 8], [6], [3, 4, 5]]
    alone = [sample(model, [p], [seed]) for seed, p in enumerate(prompts)]
    read = []
    decoder = model.get_decoder()
    handle = decoder.register_forward_pre_hook(
        lambda _, __, kwargs: read.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    try:
        together = sample(model, prompts, range(6))
    finally:
        handle.remove()
    assert together.token_ids == [one.token_ids[0] for one in alone]
    assert read[:2] == [(3, 2), (6, 1)]
    assert all(shape == (6, 1) for shape in read[1:])


def test_a_completion_ends_at_its_first_end_of_sequence(model):
    completions = sample(model, [[3]] * 64, range(64), temperature=2.0, length=16)
    assert any(completions.finished) and not all(completions.finished)
    for tokens, finished in zip(completions.token_ids, completions.finished, strict=True):
        assert (EOS in tokens) == finished
        assert EOS not in tokens[:-1]
        assert finished or len(tokens) == 16


def test_the_models_own_filters_take_no_part(model):
    before = sample(model, [[3, 4]] * 8, range(8))
    own = model.generation_config
    own.repetition_penalty, own.no_repeat_ngram_size = 5.0, 1
    try:
        assert sample(model, [[3, 4]] * 8, range(8)) == before
        assert model.generation_config is own
    finally:
        own.repetition_penalty, own.no_repeat_ngram_size = None, None


def test_streams_are_prefixes_of_longer_ones():
    assert torch.equal(uniforms([5], 4), uniforms([5], 9)[:, :4])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: sample(m, [[3]], [1], temperature=0.0), "temperatures must be > 0"),
        (lambda m: sample(m, [[3]], [1], top_p=0.0), "top_p must be in"),
        (lambda m: sample(m, [[3], [4]], [1]), "uniforms must be"),
    ],
)
def test_bad_arguments_are_named(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)


@pytest.mark.parametrize("top_p", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("sharpness", [0.01, 3.0])
def test_the_nucleus_of_a_large_vocabulary_is_that_of_a_full_sort(top_p, sharpness):
    """Flat rows reach beyond the first guess of its size, sharp ones do not."""
    generator = torch.Generator().manual_seed(0)
    logits = sharpness * torch.randn(4, 3000, generator=generator, dtype=torch.float64)
    log_probs = torch.log_softmax(logits, -1)
    for row, kept in zip(log_probs.exp(), _nucleus(log_probs, top_p).exp(), strict=True):
        ordered, index = row.sort(descending=True)
        size = int((ordered.cumsum(0) < top_p).sum()) + 1
        assert set(kept.nonzero().squeeze(1).tolist()) == set(index[:size].tolist())
        torch.testing.assert_close(kept[index[:size]], ordered[:size] / ordered[:size].sum())
