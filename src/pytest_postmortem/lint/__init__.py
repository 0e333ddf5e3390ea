"""What is wrong with the registry, the marks and what post-mortems say."""

from __future__ import annotations
