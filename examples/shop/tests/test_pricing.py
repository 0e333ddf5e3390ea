"""Importing the supplier's prices."""

from __future__ import annotations

from decimal import Decimal

from shop.pricing import import_prices


def test_prices_keep_their_cents() -> None:
    """A price is stored as it was written, without rounding."""
    prices = import_prices([{"item": "cup", "price": "6.50"}, {"item": "teapot", "price": "24.05"}])

    assert prices == {"cup": Decimal("6.50"), "teapot": Decimal("24.05")}
