"""Does the regression test fail without the fix? The fix is taken away, and its tests are run."""

from __future__ import annotations
