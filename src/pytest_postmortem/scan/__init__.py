"""Tests that mention a known incident and do not carry the marker."""

from __future__ import annotations
