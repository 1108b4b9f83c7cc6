"""Reward functions for trainers under test."""


def length_reward(completions, **_):
    """Something that differs within groups; what it rewards does not matter here."""
    return [float(len(c[0]["content"]) % 3) for c in completions]
