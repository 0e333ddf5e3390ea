"""Python source code read and edited without running it: tests, their marks, imports."""

__all__: list[str] = []
