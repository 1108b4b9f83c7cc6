"""Training with rollouts from vLLM: what TRL's own code asks the engine for, request by request.

The engine is a stand-in that samples from the weights it was sent, each request at the temperature and
from the seed of its `SamplingParams`, in the way of our sampler. All else is real: TRL's trainer, its
`VLLMGeneration` and, where vLLM is installed, vLLM's `SamplingParams`. One test has vLLM's own engine.
"""

import copy
import json
from dataclasses import dataclass
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset
from support.needs import need
from support.studies import WIDE_MODEL, micro_study
from support.training_run import length_reward
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl.generation import vllm_generation
from trl.trainer import grpo_trainer

import tampo.training.trainer
from tampo.problems.arithmetic import generate
from tampo.sampling import sampler
from tampo.sampling.vllm_rollouts import SeededRequests
from tampo.seeds import derive
from tampo.stages.model import make_model
from tampo.study.settings import Training
from tampo.temperature.protocol import OpenLoopPolicy
from tampo.training.grpo_settings import grpo_config
from tampo.training.rollout_batch import TrainInferenceMismatch
from tampo.training.run_log import RunLog
from tampo.training.study_trainer import StudyTrainer

CANDIDATES = (0.7, 1.0, 1.4)
DRAWN = (0.7, 1.4)
ROWS = 8


@dataclass
class RecordedParams:
    """The fields TRL sets, and vLLM's way to copy them."""

    n: int
    repetition_penalty: float
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    max_tokens: int
    logprobs: int
    seed: int | None = None

    def clone(self):
        return copy.deepcopy(self)


@pytest.fixture(params=["stand-in", "vllm"])
def sampling_params(request, monkeypatch):
    """The class that TRL makes its requests of."""
    if request.param == "stand-in":
        monkeypatch.setattr(vllm_generation, "SamplingParams", RecordedParams, raising=False)
        return RecordedParams
    need("vllm")
    from vllm import SamplingParams

    monkeypatch.setattr(vllm_generation, "SamplingParams", SamplingParams, raising=False)
    return SamplingParams


class Engine:
    """The parts of `vllm.LLM` that TRL uses; keeps every request."""

    def __init__(self, folder, processing_class, shift, noise=0.0):
        self.noise, self.random = noise, torch.Generator().manual_seed(0)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self.tokenizer, self.shift = processing_class, shift
        self.calls, self.syncs = [], 0
        runner = SimpleNamespace(model=self)
        worker = SimpleNamespace(model_runner=runner)
        self.llm_engine = SimpleNamespace(model_executor=SimpleNamespace(driver_worker=worker))

    def load_weights(self, weights):
        own = dict(self.model.named_parameters())
        for name, value in weights:
            own[name].data.copy_(value)

    def reset_prefix_cache(self):
        self.syncs += 1

    def generate(self, prompts, sampling_params, use_tqdm):
        self.calls.append(sampling_params)
        limit = sampling_params[0].max_tokens
        with torch.no_grad():
            drawn = sampler.generate(
                self.model,
                [prompt["prompt_token_ids"] for prompt in prompts],
                max_new_tokens=limit,
                temperatures=torch.tensor([p.temperature + self.shift for p in sampling_params]),
                uniforms=sampler.uniforms([p.seed for p in sampling_params], limit),
                eos_token_ids=[self.tokenizer.eos_token_id],
                pad_token_id=self.tokenizer.pad_token_id,
            )
        reported = [
            (torch.tensor(row) + self.noise * torch.randn(len(row), generator=self.random)).tolist()
            for row in drawn.log_probs
        ]
        return [
            SimpleNamespace(prompt_token_ids=prompt["prompt_token_ids"], outputs=[one])
            for prompt, one in zip(
                prompts, map(_completion, drawn.token_ids, reported), strict=True
            )
        ]


def _completion(token_ids, log_probs):
    pairs = zip(token_ids, log_probs, strict=True)
    logprobs = [{token: SimpleNamespace(logprob=value, rank=1)} for token, value in pairs]
    return SimpleNamespace(token_ids=token_ids, logprobs=logprobs)


class Drawn(OpenLoopPolicy):
    """The temperatures of DRAWN, one per step."""

    candidates = CANDIDATES

    def draw(self, step):
        return DRAWN[step]

    def observe(self, log_likelihoods, advantages, feedback=None):
        pass


def stand_in(model, monkeypatch, shift=0.0, noise=0.0):
    """Let TRL make our engine where it would start vLLM's."""

    class Generation(vllm_generation.VLLMGeneration):
        def _init_vllm(self):
            self.llm = Engine(model, self.processing_class, shift, noise)

    monkeypatch.setattr(grpo_trainer, "VLLMGeneration", Generation)


def trained(model, folder, backend="vllm", base_seed=1, precision="fp32", **changes):
    """Train for two steps of two groups of four; return the trainer."""
    torch.set_num_threads(1)
    training = Training(
        problems="arithmetic-train",
        steps=len(DRAWN),
        prompts_per_step=2,
        group_size=4,
        micro_batch=ROWS,
        max_prompt_tokens=100,
        max_completion_tokens=12,
        candidate_temperatures=list(CANDIDATES),
        learning_rate=1e-3,
        lr_schedule="constant_with_warmup",
        warmup_ratio=0.0,
        kl_coefficient=0.0,
        precision=precision,
        checkpoint_every=100,
        rollout_backend=backend,
        **changes,
    )
    problems = generate("sums", len(DRAWN) * training.prompts_per_step, 0)
    trainer = StudyTrainer(
        temperature=Drawn(),
        candidates=CANDIDATES,
        base_seed=base_seed,
        run_log=RunLog(folder / "log"),
        model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
        reward_funcs=[length_reward],
        args=grpo_config(training, folder / "checkpoints", 1),
        train_dataset=Dataset.from_dict(
            {
                "prompt": [[{"role": "user", "content": p["problem"]}] for p in problems],
                "problem_id": [p["id"] for p in problems],
            }
        ),
        processing_class=AutoTokenizer.from_pretrained(model, padding_side="left"),
    )
    trainer.train()
    trainer.run_log.publish(folder / "out")
    return trainer


def steps(folder):
    return [json.loads(line) for line in (folder / "out" / "steps.jsonl").read_text().splitlines()]


def trajectories(folder):
    return pq.read_table(folder / "out" / "trajectories.parquet").to_pandas()


def test_temperature_n_and_seed_reach_every_request(model, tmp_path, monkeypatch, sampling_params):
    stand_in(model, monkeypatch)
    engine = trained(model, tmp_path).vllm_generation.llm
    assert len(engine.calls) == len(DRAWN)
    for step, (params, temperature) in enumerate(zip(engine.calls, DRAWN, strict=True)):
        assert all(type(p) is sampling_params for p in params)
        assert [p.temperature for p in params] == [temperature] * ROWS
        assert [p.n for p in params] == [1] * ROWS
        assert [p.seed for p in params] == [derive(1, "rollout", step, r) for r in range(ROWS)]
        assert {(p.top_p, p.top_k, p.min_p, p.repetition_penalty) for p in params} == {(1, 0, 0, 1)}
        assert {p.max_tokens for p in params} == {12}


def test_weights_and_temperature_of_every_step_are_the_losss(
    model, tmp_path, monkeypatch, sampling_params
):
    """The learning rate is large: weights of the previous step would cause a mismatch."""
    stand_in(model, monkeypatch)
    trainer = trained(model, tmp_path)
    assert trainer.vllm_generation.llm.syncs == len(DRAWN)
    assert [s["temperature"] for s in steps(tmp_path)] == list(DRAWN)
    assert all(s["sampler_gap_max"] < 1e-4 for s in steps(tmp_path))


def test_an_engine_that_samples_as_transformers_does_gives_the_same_rollouts(
    model, tmp_path, monkeypatch
):
    monkeypatch.setattr(vllm_generation, "SamplingParams", RecordedParams, raising=False)
    stand_in(model, monkeypatch)
    trained(model, tmp_path / "vllm")
    trained(model, tmp_path / "hf", backend="hf")
    ours, theirs = trajectories(tmp_path / "vllm"), trajectories(tmp_path / "hf")
    for column in ("step", "row", "problem_id", "temperature", "length", "reward", "advantage"):
        assert ours[column].tolist() == theirs[column].tolist(), column
    # TRL's importance weights are 1 up to rounding, which Adam's first step carries into the weights.
    for step, tolerance in enumerate((1e-6, 1e-3)):
        for temperature in CANDIDATES:
            column = f"log_likelihood_{temperature:g}"
            one, other = (table[table.step == step][column].tolist() for table in (ours, theirs))
            assert one == pytest.approx(other, abs=tolerance)


def test_base_seeds_sample_differently(model, tmp_path, monkeypatch):
    monkeypatch.setattr(vllm_generation, "SamplingParams", RecordedParams, raising=False)
    stand_in(model, monkeypatch)
    engines = [
        trained(model, tmp_path / str(seed), base_seed=seed).vllm_generation.llm for seed in (1, 2)
    ]
    one, two = ([p.seed for call in engine.calls for p in call] for engine in engines)
    assert len({*one, *two}) == 2 * len(DRAWN) * ROWS
    assert (
        trajectories(tmp_path / "1").length.tolist() != trajectories(tmp_path / "2").length.tolist()
    )


def test_an_engine_at_another_temperature_stops_the_run(model, tmp_path, monkeypatch):
    monkeypatch.setattr(vllm_generation, "SamplingParams", RecordedParams, raising=False)
    stand_in(model, monkeypatch, shift=0.1)
    with pytest.raises(
        TrainInferenceMismatch,
        match=r"step 0: .*temperature 0.7 differ .*those of temperature 0.8$",
    ):
        trained(model, tmp_path)


@pytest.mark.slow
def test_vllms_own_engine_follows_temperature_and_weights(tmp_path, monkeypatch):
    """In bf16, the precision that vLLM takes a model of fp32 to when TRL starts it."""
    need("vllm")
    # Without a GPU vLLM packs the weights away, and TRL could not send it those of the next step.
    monkeypatch.setattr("vllm._custom_ops._supports_onednn", False)
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    make_model(micro_study(model=WIDE_MODEL), tmp_path / "model")
    trained(tmp_path / "model", tmp_path, precision="bf16")
    found = steps(tmp_path)
    assert [step["temperature"] for step in found] == list(DRAWN)
    assert all(step["sampler_gap"] < 0.02 for step in found)
    assert trajectories(tmp_path).groupby(["step", "group"]).length.nunique().gt(1).any()


class Recorder:
    def __init__(self):
        self.calls, self.name = [], "engine"

    def generate(self, prompts, sampling_params, **options):
        self.calls.append((prompts, sampling_params, options))
        return "answers"


def common(**changes):
    own = {"n": 1, "temperature": 0.7, "max_tokens": 3, "logprobs": 0}
    filters = {"repetition_penalty": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0}
    return RecordedParams(**{**own, **filters, **changes})


def test_seeds_are_set_on_copies_and_the_rest_is_passed_on():
    engine = Recorder()
    seeded, shared = SeededRequests(engine), common()
    seeded.seeds = [5, 6]
    assert seeded.generate(["a", "b"], sampling_params=shared, use_tqdm=False) == "answers"
    ((prompts, params, options),) = engine.calls
    assert (prompts, options) == (["a", "b"], {"use_tqdm": False})
    assert params == [common(seed=5), common(seed=6)]
    assert shared == common()
    assert seeded.name == "engine"


def test_seeds_serve_one_call():
    seeded = SeededRequests(Recorder())
    seeded.seeds = [5]
    seeded.generate(["a"], common())
    with pytest.raises(ValueError, match="1 prompts with n = 1 completions each, 0 seeds"):
        seeded.generate(["a"], common())


def test_several_completions_of_one_seed_are_refused():
    seeded = SeededRequests(Recorder())
    seeded.seeds = [5]
    with pytest.raises(ValueError, match="n = 4 completions each, 1 seeds"):
        seeded.generate(["a"], common(n=4))


NOISE = 0.3
"""Standard deviation of the engine's error in nats: far more than rounding, for few tokens to show."""


def _allow_noise(monkeypatch):
    monkeypatch.setitem(tampo.training.trainer.MISMATCH_TOLERANCE, "no", 1.0)


def test_the_engines_rounding_is_no_part_of_the_loss(model, tmp_path, monkeypatch):
    """Without a correction an engine that reports noisy log-probabilities trains the same weights."""
    monkeypatch.setattr(vllm_generation, "SamplingParams", RecordedParams, raising=False)
    _allow_noise(monkeypatch)
    weights = []
    for noise in (0.0, NOISE):
        stand_in(model, monkeypatch, noise=noise)
        trainer = trained(model, tmp_path / str(noise))
        weights.append({k: v.clone() for k, v in trainer.model.state_dict().items()})
        assert not trainer.vllm_importance_sampling_correction
        assert all("correction_weight" not in step for step in steps(tmp_path / str(noise)))
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_correction_weighs_tokens_alike_at_every_temperature(model, tmp_path, monkeypatch):
    """The mean weight is E min(exp(noise), cap), whatever the temperature; a sequence's would differ."""
    monkeypatch.setattr(vllm_generation, "SamplingParams", RecordedParams, raising=False)
    _allow_noise(monkeypatch)
    stand_in(model, monkeypatch, noise=NOISE)
    cap = 1.5
    trained(model, tmp_path, rollout_correction="token", rollout_correction_cap=cap)
    drawn = torch.randn(100_000, generator=torch.Generator().manual_seed(1)).mul(NOISE).exp()
    expected, truncated = drawn.clamp(max=cap).mean().item(), (drawn >= cap).double().mean().item()
    found = steps(tmp_path)
    assert [step["temperature"] for step in found] == list(DRAWN)
    for step in found:
        # About 90 tokens a step.
        assert step["correction_weight"] == pytest.approx(
            expected, abs=4 * 0.3 / step["tokens"] ** 0.5
        )
        assert step["correction_truncated"] == pytest.approx(truncated, abs=0.12)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"rollout_correction": "token"}, "rollout_correction: token corrects vLLM's"),
        (
            {"rollout_backend": "vllm", "logprob_temperature": "one"},
            "logprob_temperature: one cannot be joined with rollout_backend: vllm",
        ),
    ],
)
def test_combinations_that_cannot_be_right_are_refused(changes, what):
    with pytest.raises(ValueError, match=what):
        Training(problems="arithmetic-train", **changes)
