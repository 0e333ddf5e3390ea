"""The incidents of a registry with their states, to be read and searched without a run."""

from __future__ import annotations
