"""Fetch registries over HTTP, from services and addresses."""

__all__: list[str] = []
