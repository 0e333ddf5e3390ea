"""Links and outcomes of tests → the state of each incident, and the gates that it has to pass."""

__all__: list[str] = []
