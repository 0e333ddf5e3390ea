"""What happens in a run of pytest: collection, outcomes, workers, and the report at its end."""

__all__: list[str] = []
