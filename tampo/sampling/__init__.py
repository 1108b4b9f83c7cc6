"""Sampling: one sampler for training and evaluation, and lm-eval models for transformers and vLLM."""
