"""lm-eval task documents: one versioned YAML file per benchmark, and the code beside them."""

from pathlib import Path

TASKS = Path(__file__).parent
"""Folder of the documents, as lm-eval's `include_path`."""
