"""What helps to write post-mortems, and the marks of the tests that guard against them."""

from __future__ import annotations
