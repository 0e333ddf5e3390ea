"""Take the money for an order, once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Protocol

from shop.basket import Line, total
from shop.switches import reintroduced

__all__ = ["Gateway", "PaymentDeclined", "PaymentTimeout", "pay"]


class PaymentDeclined(Exception):
    """The customer's bank refused the payment."""


class PaymentTimeout(Exception):
    """The gateway did not answer in time; the money may have been taken or not."""


class Gateway(Protocol):
    """The payment provider."""

    def charge(self, amount: Decimal, idempotency_key: str | None) -> str:
        """Take the amount and return a receipt; a known key returns its first receipt again."""


def pay(order: str, lines: Sequence[Line], gateway: Gateway, attempts: int = 3) -> str:
    """Charge the order's total and return the receipt; ask again after a timeout.

    All attempts carry the same key, so that the gateway can tell a retry from a new order.

    Raises:
        PaymentDeclined: at the first attempt that is declined.
        PaymentTimeout: when the last attempt is not answered either.
    """
    key = None if reintroduced("PM-0003") else order
    for _ in range(attempts - 1):
        with suppress(PaymentTimeout):
            return gateway.charge(total(lines), key)
    return gateway.charge(total(lines), key)
