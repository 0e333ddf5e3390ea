"""Evaluation: links and outcomes of tests → states of incidents, and results of gates."""

__all__: list[str] = []
