"""The documentation site: Markdown that also reads well on a git host, built by `make docs`."""

from pathlib import Path

HERE = Path(__file__).parent

project = "TAMPO benchmark"
author = copyright = "The TAMPO benchmark authors"

extensions = ["myst_parser", "sphinx_copybutton"]
myst_heading_anchors = 3
exclude_patterns = ["evidence"]

html_theme = "furo"
html_title = project
html_show_sourcelink = False
copybutton_prompt_text = "$ "
