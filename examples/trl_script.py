"""GRPO in TRL, with the rollout temperature chosen by TAMPO: two lines differ from a plain TRL script.

Usage: python examples/trl_script.py [MODEL [FOLDER]]
"""

import sys

import torch
from datasets import Dataset
from trl import GRPOConfig

from tampo import TemperatureGRPOTrainer  # instead of: from trl import GRPOTrainer

MODEL = sys.argv[1] if len(sys.argv) > 1 else "Qwen/Qwen2.5-0.5B-Instruct"
SUMS = [(a, b) for a in range(2, 10) for b in range(2, 10)]


def right_sum(completions, answer, **kwargs):
    texts = [completion[0]["content"] for completion in completions]
    return [float(str(true) in text.split()) for text, true in zip(texts, answer, strict=True)]


trainer = TemperatureGRPOTrainer(
    model=MODEL,
    reward_funcs=right_sum,
    args=GRPOConfig(
        output_dir=sys.argv[2] if len(sys.argv) > 2 else "grpo-tampo",
        max_steps=20,
        per_device_train_batch_size=16,
        num_generations=8,
        max_completion_length=32,
        logging_steps=1,
        use_cpu=not torch.cuda.is_available(),
    ),
    train_dataset=Dataset.from_list(
        [{"prompt": [{"role": "user", "content": f"{a}+{b}"}], "answer": a + b} for a, b in SUMS]
    ),
    temperature="tampo",  # or ("linear", {"start": 0.9, "end": 1.5}), or a file: "mine.py:Schedule"
)
trainer.train()
