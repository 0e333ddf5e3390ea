"""The plugin in a run of pytest: collection, outcomes, workers, and the report at the end."""

__all__: list[str] = []
