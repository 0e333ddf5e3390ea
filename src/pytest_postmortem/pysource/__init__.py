"""Python source code, read and edited without running it: tests, marks, imports."""

__all__: list[str] = []
