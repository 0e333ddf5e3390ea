"""What the text of a post-mortem says: its parts, its causes, its action items.

Read by `check` and for reports that show action items, never to load a registry.
"""

from __future__ import annotations
