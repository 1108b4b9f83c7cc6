"""TAMPO in a training loop of one's own: NumPy, torch and no trainer. Usage: python examples/own_loop.py

A small recurrent model writes eight digits and is rewarded for ascending ones. Each step asks the
policy for a temperature, samples at it, and shows it every trajectory's likelihood under each candidate.
"""

import json

import torch

from tampo import TemperatureMetaPolicy
from tampo.kernels.multi_temperature import multi_temperature_log_prob

STEPS, PROMPTS, GROUP, LENGTH, DIGITS = 150, 8, 8, 8, 10
START = DIGITS


class Writer(torch.nn.Module):
    """Next-digit model: hidden states [N, L, H] of the digits so far, and an LM head."""

    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(DIGITS + 1, 32)
        self.core = torch.nn.GRU(32, 64, batch_first=True)
        self.head = torch.nn.Linear(64, DIGITS)

    def forward(self, digits):
        return self.core(self.embed(digits))[0]


@torch.no_grad()
def sample(model, count, temperature):
    """Draw `count` texts [count, 1 + L] of which the first column is the start sign."""
    texts = torch.full((count, 1), START)
    for _ in range(LENGTH):
        logits = model.head(model(texts)[:, -1]) / temperature
        texts = torch.cat([texts, torch.multinomial(logits.softmax(-1), 1)], dim=1)
    return texts


def advantages_of(rewards):
    groups = rewards.view(PROMPTS, GROUP)
    centred = groups - groups.mean(dim=1, keepdim=True)
    return (centred / (groups.std(dim=1, keepdim=True) + 1e-4)).flatten()


def train(policy, model, optimizer, first, last):
    for step in range(first, last):
        temperature = policy.draw(step)
        texts = sample(model, PROMPTS * GROUP, temperature)
        digits = texts[:, 1:]
        rewards = (digits.diff(dim=1) > 0).float().mean(dim=1)
        advantages = advantages_of(rewards)
        # One pass: the loss's log-probabilities at the temperature, and those under all candidates.
        scored = multi_temperature_log_prob(
            model(texts[:, :-1]).flatten(0, 1),
            model.head.weight,
            model.head.bias,
            digits.flatten(),
            temperature,
            torch.tensor(policy.candidates),
        )
        per_token = scored.candidate_log_probs.view(len(texts), LENGTH, -1)
        policy.observe(per_token.mean(dim=1), advantages)
        log_probs = scored.log_probs.view(len(texts), LENGTH)
        loss = -(advantages[:, None] * log_probs).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 25 == 24:
            likeliest = policy.candidates[policy.probabilities.argmax()]
            credit = policy.diagnostics()["p_value"]
            print(
                f"step {step + 1:3}  T {temperature:.1f}  reward {rewards.mean():.2f}  "
                f"prefers {likeliest:.1f}  credit p = {credit:.2f}"
            )


def new_policy():
    return TemperatureMetaPolicy([0.6, 0.8, 1.0, 1.2, 1.4], warmup_steps=15, seed=1)


if __name__ == "__main__":
    torch.manual_seed(1)
    model = Writer()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    policy = new_policy()
    train(policy, model, optimizer, 0, STEPS // 2)
    # As a checkpoint would: JSON out, JSON in, and the same temperatures follow.
    saved = json.dumps(policy.state_dict())
    policy = new_policy()
    policy.load_state_dict(json.loads(saved))
    train(policy, model, optimizer, STEPS // 2, STEPS)
