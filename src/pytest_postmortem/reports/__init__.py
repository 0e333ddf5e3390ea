"""`Report` → text, one module a format, each imported only when it is asked for."""

from __future__ import annotations
