"""What runs in the pytest process of an experiment, and imports nothing else of the package."""

__all__: list[str] = []
