"""Lint the registry, the marks and the texts of post-mortems."""

from __future__ import annotations
