"""Find tests that mention a registered incident and have no marker for it."""

from __future__ import annotations
