"""vLLM's own engine on a micro model: endings, seeds, and the distribution that it samples from."""

from collections import Counter
from contextlib import contextmanager

import pytest
import torch
from support.needs import need
from support.studies import WIDE_MODEL, micro_study
from transformers import AutoModelForCausalLM, AutoTokenizer

from tampo.problems.problem_sets import load_problems
from tampo.problems.prompts import Prompt, messages
from tampo.seeds import derive
from tampo.stages.evaluate import eos_token_ids
from tampo.stages.model import make_model
from tampo.study.settings import Evaluation

need("vllm")
pytestmark = pytest.mark.slow

SETTINGS = Evaluation(backend="vllm", temperature=0.8, top_p=0.9, max_tokens=12, precision="fp32")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "model"
    make_model(micro_study(model=WIDE_MODEL), folder)
    return folder


@pytest.fixture(scope="module")
def tokenizer(checkpoint):
    return AutoTokenizer.from_pretrained(checkpoint)


@pytest.fixture(scope="module")
def prompts(tokenizer):
    """Token ids of eight problems of each of three families."""
    texts = [
        tokenizer.apply_chat_template(
            messages(Prompt(), problem["problem"]), tokenize=False, add_generation_prompt=True
        )
        for family in ("sums", "maxima", "counts")
        for problem in load_problems(family, limit=8)
    ]
    return [tokenizer.encode(text, add_special_tokens=False) for text in texts]


@pytest.fixture(scope="module")
def engine(checkpoint, tokenizer):
    from tampo.sampling.vllm import VllmModel

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        yield VllmModel(checkpoint, SETTINGS, eos_token_ids(checkpoint, tokenizer), 128)


@contextmanager
def sampling(engine, settings):
    """Let an engine that is there sample in another way: starting one takes a minute."""
    engine._settings = settings
    try:
        yield engine
    finally:
        engine._settings = SETTINGS


def seeds(count, stream="a"):
    return [derive(1, stream, i) for i in range(count)]


def test_a_seed_decides_its_response_whatever_is_sampled_beside_it(engine, prompts):
    """In fp32, where the last bits that a batch changes do not reach a token of a short response."""
    together = engine.sample(prompts * 2, seeds(48))
    assert engine.sample(prompts * 2, seeds(48)) == together
    assert engine.sample(prompts, seeds(24)) == together[:24]
    others = engine.sample(prompts * 2, seeds(48, "b"))
    assert sum(one != other for one, other in zip(together, others, strict=True)) > 16


def test_endings_and_lengths_are_those_of_the_backend_hf(engine, checkpoint, tokenizer, prompts):
    """Both all but greedy, so that they give the same tokens and only the bookkeeping could differ."""
    from tampo.sampling.hf import TransformersModel

    cold = SETTINGS.model_copy(update={"temperature": 0.01, "max_tokens": 4})
    theirs = TransformersModel(checkpoint, cold, eos_token_ids(checkpoint, tokenizer))
    expected = [r.as_dict() for r in theirs.sample(prompts, seeds(24))]
    again = [r.as_dict() for r in theirs.sample(prompts, seeds(24, "b"))]
    with sampling(engine, cold):
        found = [r.as_dict() for r in engine.sample(prompts, seeds(24))]
    # Where two tokens are all but equally likely, even this temperature leaves it to chance.
    decided = [row for row in range(24) if expected[row] == again[row]]
    assert {expected[row]["finish"] for row in decided} == {"stop", "length"}
    assert [found[row] for row in decided] == [expected[row] for row in decided]


def test_first_tokens_come_from_the_nucleus_at_the_temperature(
    engine, checkpoint, tokenizer, prompts
):
    count, temperature, top_p = 1000, 1.5, 0.95
    hot = SETTINGS.model_copy(update={"temperature": temperature, "top_p": top_p, "max_tokens": 1})
    with sampling(engine, hot):
        found = Counter(engine.sample([prompts[0]] * count, seeds(count)))
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    logits = model(torch.tensor([prompts[0]])).logits[0, -1]
    ordered, ids = torch.softmax(logits / temperature, -1).sort(descending=True)
    kept = ordered.cumsum(-1) - ordered < top_p
    assert 1 < kept.sum() < len(kept)
    probabilities = ordered[kept] / ordered[kept].sum()
    expected = Counter()
    for token, probability in zip(ids[kept], probabilities.tolist(), strict=True):
        # Special tokens have no text.
        expected[tokenizer.decode([token], skip_special_tokens=True)] += probability
    assert set(found) <= set(expected)
    # Four standard errors of a proportion among `count` draws.
    for text, probability in expected.items():
        error = (probability * (1 - probability) / count) ** 0.5
        assert found[text] / count == pytest.approx(probability, abs=4 * error), text
