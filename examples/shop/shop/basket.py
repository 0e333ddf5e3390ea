"""What a customer wants to buy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Line", "total"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a basket; several lines may hold the same item."""

    item: str
    quantity: int
    price: Decimal


def total(lines: Iterable[Line]) -> Decimal:
    """Return what all lines cost together."""
    return sum((line.quantity * line.price for line in lines), Decimal(0))
