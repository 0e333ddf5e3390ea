"""Reserving stock for an order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shop.basket import Line
from shop.inventory import Inventory, OutOfStock


def cups(quantity: int) -> Line:
    """Return a basket's line of cups."""
    return Line("cup", quantity, Decimal("6.50"))


def test_reserved_pieces_leave_the_stock() -> None:
    """What one order reserved, no other can."""
    inventory = Inventory({"cup": 10})

    inventory.reserve([cups(4)])

    assert inventory.available("cup") == 6


def test_an_order_is_reserved_whole_or_not_at_all() -> None:
    """An order with one short item takes nothing out of the stock."""
    inventory = Inventory({"cup": 10})

    with pytest.raises(OutOfStock, match="teapot"):
        inventory.reserve([cups(4), Line("teapot", 1, Decimal("24.00"))])

    assert inventory.available("cup") == 10


@pytest.mark.postmortem("PM-0004")
def test_lines_of_one_item_are_added_up() -> None:
    """Two lines of one item can't reserve more of it than there is."""
    inventory = Inventory({"cup": 10})

    with pytest.raises(OutOfStock, match="cup"):
        inventory.reserve([cups(6), cups(6)])

    assert inventory.available("cup") == 10
