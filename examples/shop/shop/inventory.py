"""How many pieces of each item can still be sold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from shop.basket import Line
from shop.switches import reintroduced

__all__ = ["Inventory", "OutOfStock"]


class OutOfStock(Exception):
    """The order wants more than there is; nothing was reserved."""


class Inventory:
    """The stock of a warehouse, changed by whole orders only."""

    def __init__(self, stock: Mapping[str, int]) -> None:
        self._stock = Counter(stock)

    def available(self, item: str) -> int:
        """Return how many pieces are left; 0 for an unknown item."""
        return self._stock[item]

    def reserve(self, lines: Iterable[Line]) -> None:
        """Take all lines of an order out of the stock, or none of them.

        Raises:
            OutOfStock: when an item is short.
        """
        wanted = _demand(lines)
        short = [item for item, quantity in wanted if quantity > self.available(item)]
        if short:
            raise OutOfStock(", ".join(short))
        for item, quantity in wanted:
            self._stock[item] -= quantity


def _demand(lines: Iterable[Line]) -> list[tuple[str, int]]:
    """Return each item once, with its quantity on all lines together."""
    if reintroduced("PM-0004"):
        return [(line.item, line.quantity) for line in lines]
    wanted: Counter[str] = Counter()
    for line in lines:
        wanted[line.item] += line.quantity
    return list(wanted.items())
