"""Paying for an order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shop.basket import Line
from shop.checkout import PaymentDeclined, PaymentTimeout, pay

BASKET = [Line("teapot", 1, Decimal("24.00")), Line("cup", 4, Decimal("6.50"))]


class FakeGateway:
    """A gateway that takes the money and then, for its first calls, answers too late."""

    def __init__(self, timeouts: int = 0) -> None:
        self.charges: list[Decimal] = []
        self._receipts: dict[str, str] = {}
        self._timeouts = timeouts

    def charge(self, amount: Decimal, idempotency_key: str | None) -> str:
        """Charge a new key, and any call without one."""
        if idempotency_key in self._receipts:
            return self._receipts[idempotency_key]
        self.charges.append(amount)
        receipt = f"receipt {len(self.charges)}"
        if idempotency_key is not None:
            self._receipts[idempotency_key] = receipt
        if self._timeouts:
            self._timeouts -= 1
            raise PaymentTimeout
        return receipt


class DecliningGateway:
    """A gateway that declines every payment, and counts them."""

    def __init__(self) -> None:
        self.calls = 0

    def charge(self, amount: Decimal, idempotency_key: str | None) -> str:
        """Decline."""
        self.calls += 1
        raise PaymentDeclined


def test_the_total_is_charged() -> None:
    """An order is charged what its lines cost together."""
    gateway = FakeGateway()

    receipt = pay("order 7", BASKET, gateway)

    assert receipt == "receipt 1"
    assert gateway.charges == [Decimal("50.00")]


def test_a_declined_payment_is_not_tried_again() -> None:
    """The bank's no is final."""
    gateway = DecliningGateway()

    with pytest.raises(PaymentDeclined):
        pay("order 7", BASKET, gateway)

    assert gateway.calls == 1


@pytest.mark.postmortem("PM-0003")
def test_a_retry_after_a_timeout_charges_once() -> None:
    """An order is charged once, though the gateway's first answer was lost."""
    gateway = FakeGateway(timeouts=1)

    receipt = pay("order 7", BASKET, gateway)

    assert gateway.charges == [Decimal("50.00")]
    assert receipt == "receipt 1"
