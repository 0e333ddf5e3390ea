"""Code that runs in the pytest process of an experiment; it imports nothing else of the package."""

__all__: list[str] = []
