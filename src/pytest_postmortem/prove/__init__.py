"""Verify that a regression test fails without its fix: revert the fix and run the test."""

from __future__ import annotations
