"""TRL's own tests of its GRPO trainer, run with this package's trainer in its place.

A pytest plugin, for `make trl-tests TRL=<clone of TRL>`: those tests name models and data sets on a hub.
Here each name stands for a small random model of the same architecture in a hub cache, and for a few
prompts, so that they need no network. `TRAINER` is the policy to train under; `trl` leaves TRL's trainer
in place, to compare with.
"""

import os
import sys
import tempfile
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="trl-stand-ins-"))
# Read when the hub's client is imported, so before it.
os.environ |= {"HF_HOME": str(HOME), "HF_HUB_OFFLINE": "1"}

import datasets  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
import trl  # noqa: E402
import trl.import_utils  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: E402

OWNER = "trl-internal-testing"
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SMALL = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "head_dim": 8,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
CAUSAL = {
    "tiny-Qwen2ForCausalLM-2.5": ("Qwen2", {}),
    "tiny-Qwen3ForCausalLM": ("Qwen3", {}),
    "tiny-Qwen3MoeForCausalLM": ("Qwen3Moe", EXPERTS),
    "tiny-LlamaForCausalLM-3.2": ("Llama", {}),
    "tiny-MistralForCausalLM-0.2": ("Mistral", {}),
    "tiny-Gemma2ForCausalLM": ("Gemma2", {}),
    "tiny-Cohere2ForCausalLM": ("Cohere2", {}),
    "tiny-GptOssForCausalLM": ("GptOss", {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "tiny-Glm4MoeForCausalLM": (
        "Glm4Moe",
        {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    ),
}
"""Architecture of each causal model by its name on the hub, and what it needs besides `SMALL`."""
REWARD_MODELS = {
    "tiny-Qwen2ForSequenceClassification-2.5": "Qwen2",
    "tiny-Qwen3ForSequenceClassification": "Qwen3",
    "tiny-LlamaForSequenceClassification-3.2": "Llama",
}
VOCABULARY = 4096
"""Most ids have no word, so that end of sequence is as rare as the tests expect."""
SPECIAL = {"<|endoftext|>": 256, "<|im_end|>": 257, "<|im_start|>": 258}
ROWS = {"train": 17, "test": 2}


def _tokenizer() -> transformers.PreTrainedTokenizerFast:
    special = list(SPECIAL)
    words = {word: i for i, word in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    inner = Tokenizer(models.BPE(vocab=words | SPECIAL, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token=special[0],
        eos_token=special[1],
        additional_special_tokens=special[2:],
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def _write(name: str, architecture: str, kind: str, extra: dict) -> None:
    tokenizer = _tokenizer()
    torch.manual_seed(0)
    config = getattr(transformers, f"{architecture}Config")(
        **SMALL,
        **extra,
        vocab_size=VOCABULARY,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        **({"num_labels": 1} if kind == "ForSequenceClassification" else {}),
    )
    model = getattr(transformers, architecture + kind)(config)
    repository = HOME / "hub" / f"models--{OWNER}--{name}"
    folder = repository / "snapshots" / ("0" * 40)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)


def _rows(config: str, split: str) -> list[dict]:
    texts = [f"{split} sentence {i} goes" for i in range(ROWS[split])]
    if config.startswith("conversational"):
        return [{"prompt": [{"role": "user", "content": text}]} for text in texts]
    return [{"prompt": text} for text in texts]


def _load_dataset(original):
    def load(name, config=None, *, split=None, streaming=False, **kwargs):
        if name != f"{OWNER}/zen":
            return original(name, config, split=split, streaming=streaming, **kwargs)
        kinds = {s: datasets.Dataset.from_list(_rows(config, s)) for s in ROWS}
        if streaming:
            kinds = {s: rows.to_iterable_dataset() for s, rows in kinds.items()}
        return datasets.DatasetDict(kinds) if split is None else kinds[split]

    return load


def _on_the_cpu(original):
    def init(self, *args, **kwargs):
        original(self, *args, **{"use_cpu": True, "bf16": False} | kwargs)

    return init


def _under(policy):
    from tampo import TemperatureGRPOTrainer

    settings = {"temperature": 1.0} if policy == "fixed" else {}

    class Trainer(TemperatureGRPOTrainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, temperature=(policy, settings), **kwargs)

    return Trainer


def _without(name: str):
    if not name.startswith("is_"):
        raise AttributeError(name)
    return lambda: False


def pytest_configure(config):
    transformers.utils.logging.disable_progress_bar()
    # Questions that another version of TRL than the one installed answers: here, no.
    sys.modules["trl.import_utils"].__getattr__ = _without
    for name, (architecture, extra) in CAUSAL.items():
        _write(name, architecture, "ForCausalLM", extra)
    for name, architecture in REWARD_MODELS.items():
        _write(name, architecture, "ForSequenceClassification", {})
    if not torch.cuda.is_available():
        trl.GRPOConfig.__init__ = _on_the_cpu(trl.GRPOConfig.__init__)
    datasets.load_dataset = _load_dataset(datasets.load_dataset)
    if os.environ.get("TRAINER") != "trl":
        trl.GRPOTrainer = _under(os.environ.get("TRAINER", "fixed"))
