"""Prices from the supplier's nightly file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

__all__ = ["import_prices"]


def import_prices(rows: Iterable[Mapping[str, str]]) -> dict[str, Decimal]:
    """Return the price of each item.

    Raises:
        ValueError: for the first row without a price above zero; no price is changed then.
    """
    prices = {}
    for number, row in enumerate(rows, start=1):
        price = Decimal(row["price"] or 0)
        if price <= 0:
            raise ValueError(f"row {number}: {row['item']} has no price")
        prices[row["item"]] = price
    return prices
