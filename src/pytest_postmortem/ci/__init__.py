"""A CI job: the change that it is about, and the comment on that change."""

__all__: list[str] = []
