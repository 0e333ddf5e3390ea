"""Guard every post-mortem with a regression test, and see which incidents could come back."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.2.0"
