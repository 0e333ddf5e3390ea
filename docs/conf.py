"""How Sphinx builds the documentation."""

from __future__ import annotations

from pytest_postmortem import __version__

project = "pytest-postmortem"
author = "The pytest-postmortem developers"
project_copyright = f"2026, {author}"
version = release = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

exclude_patterns = ["_build"]
nitpicky = True

html_theme = "furo"
html_title = f"{project} {release}"
