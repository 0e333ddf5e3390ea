"""Read the text of post-mortems: their parts, causes and action items.

`check` and the reports with action items use it; loading a registry never does.
"""

from __future__ import annotations
