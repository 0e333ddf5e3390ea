"""Shipping paid orders."""

from __future__ import annotations

import pytest

from shop.fulfilment import Fulfilment, PaymentEvent


def test_each_paid_order_is_shipped() -> None:
    """Two events ship two orders."""
    parcels: list[str] = []
    fulfilment = Fulfilment(ship=parcels.append)

    fulfilment.on_payment(PaymentEvent("event 1", "order 7"))
    fulfilment.on_payment(PaymentEvent("event 2", "order 8"))

    assert parcels == ["order 7", "order 8"]


@pytest.mark.postmortem("PM-0005")
def test_an_event_delivered_twice_ships_one_parcel() -> None:
    """The payment provider may repeat itself; the warehouse must not."""
    parcels: list[str] = []
    fulfilment = Fulfilment(ship=parcels.append)
    event = PaymentEvent("event 1", "order 7")

    handled = [fulfilment.on_payment(event), fulfilment.on_payment(event)]

    assert handled == [True, False]
    assert parcels == ["order 7"]
