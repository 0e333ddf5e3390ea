"""JSON reports and JUnit XML, read, merged and compared."""

__all__: list[str] = []
