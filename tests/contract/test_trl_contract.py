"""What this project relies on inside TRL, pinned: an upgrade that moves it fails here, by name.

Each message says what moved and which part of the project depends on it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable

import pytest
import torch
import trl
from trl import GRPOConfig, GRPOTrainer
from trl.generation.vllm_generation import VLLMGeneration
from trl.kernels import ChunkedLogProbFunction
from trl.trainer import grpo_trainer
from trl.trainer import utils as trl_modules

from tampo.kernels.lm_head import TemperedCausalLMOutput, add_tempered_lm_head

MULTIMODAL = (
    "pixel_values",
    "image_grid_thw",
    "num_images",
    "pixel_attention_mask",
    "spatial_shapes",
    "num_tiles",
    "image_sizes",
    "token_type_ids",
    "mm_token_type_ids",
    "image_position_ids",
)
METHODS = {
    "_get_per_token_logps_and_entropies": (
        "self",
        "model",
        "input_ids",
        "attention_mask",
        "logits_to_keep",
        "batch_size",
        "compute_entropy",
        "compute_aux_loss",
        *MULTIMODAL,
    ),
    "_compute_loss": ("self", "model", "inputs"),
    "_generate_single_turn": (
        "self",
        "prompt_ids",
        "images",
        "multimodal_fields",
        "num_generations",
        "has_tool_images",
    ),
    "_prepare_inputs": ("self", "generation_batch"),
    "_generate_and_score_completions": ("self", "inputs"),
    "_calculate_rewards": (
        "self",
        "inputs",
        "prompts",
        "completions",
        "completion_ids_list",
    ),
    "training_step": ("self", "model", "inputs", "num_items_in_batch"),
    "_get_output_dir": ("self", "trial"),
}


def moved(what: str, relied_on_by: str) -> str:
    return f"TRL {trl.__version__} moved {what}; {relied_on_by} relies on it"


def tree_of(function: Callable) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def calls(function: Callable, name: str) -> list[ast.Call]:
    """Calls of a function or method `name` in the source of `function`."""
    return [
        node
        for node in ast.walk(tree_of(function))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name
    ]


def strings(function: Callable) -> set[str]:
    return {
        n.value
        for n in ast.walk(tree_of(function))
        if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }


def attributes(function: Callable, context: type[ast.expr_context]) -> set[str]:
    """Dotted attributes of self that `function` reads (ast.Load) or assigns (ast.Store)."""
    return {
        ast.unparse(n)
        for n in ast.walk(tree_of(function))
        if isinstance(n, ast.Attribute) and isinstance(n.ctx, context)
    }


def test_our_head_has_the_signature_of_the_one_it_replaces():
    theirs = inspect.signature(trl_modules.add_fused_lm_head).parameters
    ours = inspect.signature(add_tempered_lm_head).parameters
    assert [(p.name, p.default, p.kind) for p in theirs.values()] == [
        (p.name, p.default, p.kind) for p in ours.values()
    ], moved("the signature of add_fused_lm_head", "tampo.kernels.lm_head")


def test_the_trainer_module_looks_the_head_up_under_its_own_name():
    message = moved(
        "grpo_trainer.add_fused_lm_head", "tampo.training.trainer, which replaces that name,"
    )
    assert getattr(grpo_trainer, "add_fused_lm_head", None) is trl_modules.add_fused_lm_head, (
        message
    )
    made = calls(GRPOTrainer.__init__, "add_fused_lm_head")
    assert len(made) == 2, f"{message}: one call for the model, one for the reference model"
    keywords = [{k.arg: ast.unparse(k.value) for k in call.keywords} for call in made]
    assert keywords[0] == {
        "temperature": "self.temperature",
        "cast_lm_head_to_fp32": "args.cast_lm_head_to_fp32",
        "outputs": "('log_probs', 'entropy')",
    }, message
    assert "is_peft_model" in ast.unparse(made[0].args[0]), message
    assert ast.unparse(made[1].args[0]) == "self.ref_model", message


@pytest.mark.parametrize("name", METHODS)
def test_methods_that_are_overridden_or_called(name):
    method = getattr(GRPOTrainer, name, None)
    assert method is not None, moved(f"GRPOTrainer.{name}", "tampo.training.trainer")
    parameters = tuple(inspect.signature(method).parameters)
    # Further arguments with defaults at the end are harmless to a subclass that passes them on, but
    # a reader should decide that: every change shows.
    assert parameters == METHODS[name], moved(
        f"the parameters of GRPOTrainer.{name}", "tampo.training.trainer"
    )


def test_the_scoring_method_calls_the_fused_head_and_reads_its_fields():
    method = GRPOTrainer._get_per_token_logps_and_entropies
    message = moved(
        "the call of the fused head", "tampo.training.scoring, which makes the same call,"
    )
    (call,) = calls(method, "model")
    keywords = {k.arg: ast.unparse(k.value) for k in call.keywords if k.arg}
    assert keywords == {"labels": "labels", "fused_lm_head": "True"}, message
    assert {"outputs.log_probs", "outputs.entropy"} <= attributes(method, ast.Load), message
    fields = TemperedCausalLMOutput.__dataclass_fields__
    assert {"log_probs", "entropy"} <= set(fields) & set(
        trl_modules.FusedCausalLMOutput.__dataclass_fields__
    ), message
    assert "-100" in ast.unparse(tree_of(method)), moved("the label of unscored tokens", "our head")


def test_the_counters_and_buffers_of_the_training_loop():
    message = moved("GRPOTrainer._step / _buffered_inputs", "resuming in tampo.training.trainer")
    made = attributes(GRPOTrainer.__init__, ast.Store)
    assert {"self._step", "self._buffered_inputs", "self.temperature"} <= made, message
    assert "self._step" in attributes(GRPOTrainer.training_step, ast.Store), message
    source = ast.unparse(tree_of(GRPOTrainer._prepare_inputs))
    assert "self._step % generate_every == 0 or self._buffered_inputs is None" in source, message
    assert "self.args.steps_per_generation * self.num_iterations" in source, message
    assert "self._step % self.args.steps_per_generation" in source, message


@pytest.mark.parametrize("key", ["sampling_per_token_logps", "old_per_token_logps", "advantages"])
def test_the_keys_of_a_scored_batch(key):
    made = strings(GRPOTrainer._generate_and_score_completions)
    used = strings(GRPOTrainer._compute_loss)
    message = moved(f"the batch key {key!r}", "tampo.training.trainer")
    assert key in made, message
    assert key in used, message


def test_the_rule_for_scoring_before_the_loss():
    source = ast.unparse(tree_of(GRPOTrainer._generate_and_score_completions))
    message = moved(
        "the rule for old log-probabilities", "tampo.training.trainer._scores_before_loss"
    )
    assert "self.args.gradient_accumulation_steps % generate_every != 0" in source, message
    assert "self.use_vllm and self.vllm_importance_sampling_correction" in source, message


def test_tensors_of_a_batch_are_shuffled_and_split_together():
    source = ast.unparse(tree_of(GRPOTrainer._prepare_inputs))
    message = moved(
        "the shuffling and splitting of a batch", "tampo.training.trainer, for its own keys,"
    )
    assert "shuffle_sequence_dict(generation_batch)" in source, message
    assert "split_tensor_dict(generation_batch, self.args.steps_per_generation)" in source, message
    rows = {"completion_ids": torch.arange(12).view(6, 2), "row": torch.arange(6)}
    parts = trl_modules.split_tensor_dict(trl_modules.shuffle_sequence_dict(rows), 3)
    for part in parts:
        assert torch.equal(part["completion_ids"][:, 0], 2 * part["row"]), message


def test_vllm_reads_its_temperature_when_it_generates():
    message = moved(
        "VLLMGeneration.temperature", "tampo.training.trainer, which sets it every step,"
    )
    assert "self.temperature" in attributes(VLLMGeneration.__init__, ast.Store), message
    assert "self.temperature" in attributes(VLLMGeneration.generate, ast.Load), message
    assert "self.temperature" not in attributes(VLLMGeneration.generate, ast.Store), message


def test_the_state_and_the_settings_of_the_adaptive_entropy_bonus():
    message = moved(
        "use_adaptive_entropy",
        "tampo.training.grpo_settings and the resuming of tampo.stages.train",
    )
    fields = {"use_adaptive_entropy", "entropy_coef", "entropy_target", "entropy_coef_delta"}
    assert fields | {"entropy_coef_min", "entropy_coef_max"} <= set(
        GRPOConfig.__dataclass_fields__
    ), message
    for method in (GRPOTrainer._save_checkpoint, GRPOTrainer._load_optimizer_and_scheduler):
        assert {"entropy_ctrl_state.json", "entropy_coef", "last_world_entropy"} <= strings(
            method
        ), message
    assert "self._metrics[mode]['entropy_coef']" in ast.unparse(
        tree_of(GRPOTrainer._compute_loss)
    ), message


def test_the_single_temperature_head_that_ours_is_measured_against():
    parameters = list(inspect.signature(ChunkedLogProbFunction.forward).parameters)
    assert parameters == [
        "ctx",
        "hidden",
        "weight",
        "bias",
        "targets",
        "temperature",
        "chunk_size",
        "final_logit_softcapping",
        "logit_scale",
        "outputs",
    ], moved(
        "ChunkedLogProbFunction", "the timing and tests/unit/kernels/test_multi_temperature.py"
    )


def test_the_context_that_gathers_zero3_parameters():
    context = getattr(trl_modules, "maybe_gather_lm_head_ctx", None)
    assert context is not None, moved("maybe_gather_lm_head_ctx", "tampo.kernels under ZeRO-3")
    kinds = [p.kind for p in inspect.signature(context).parameters.values()]
    assert kinds == [inspect.Parameter.VAR_POSITIONAL], moved(
        "the parameters of maybe_gather_lm_head_ctx", "tampo.kernels under ZeRO-3"
    )
