"""Registries that are fetched: services and addresses, over HTTP."""

__all__: list[str] = []
