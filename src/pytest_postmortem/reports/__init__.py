"""Renderers of reports, one module for each format, imported on use."""

from __future__ import annotations
