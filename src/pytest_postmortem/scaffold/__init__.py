"""Create post-mortems and regression tests, and configure pytest for them: ``init`` and ``new``."""

from __future__ import annotations
