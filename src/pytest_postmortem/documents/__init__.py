"""Read the text of post-mortems: their head, parts, causes and action items, from lines to data.

Loading a registry reads the head. The body is read when something shows it.
"""

from __future__ import annotations
