"""GRPO under a temperature policy: a thin subclass of TRL's trainer and what it leaves."""
