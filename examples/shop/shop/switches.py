"""Bring an old problem back on purpose, to see which test notices: ``SHOP_REINTRODUCE=PM-0003``."""

from __future__ import annotations

import os

__all__ = ["reintroduced"]


def reintroduced(incident: str) -> bool:
    """Tell whether the code shall behave as it did when the incident happened."""
    return incident in os.environ.get("SHOP_REINTRODUCE", "").split(",")
