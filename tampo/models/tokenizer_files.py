"""Tokenizers as a checkpoint keeps them."""

from __future__ import annotations

from pathlib import Path

from transformers import PreTrainedTokenizerBase

OF_THE_LOADING = ("is_local", "local_files_only")
"""Settings of the loading that transformers writes into tokenizer_config.json; they depend on the machine."""


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: str | Path) -> None:
    """Write a tokenizer's files, the same wherever and from wherever it was loaded."""
    for name in OF_THE_LOADING:
        tokenizer.init_kwargs.pop(name, None)
    tokenizer.save_pretrained(folder)
