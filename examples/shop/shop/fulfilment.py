"""Send a parcel when the payment provider says that an order is paid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shop.switches import reintroduced

__all__ = ["Fulfilment", "PaymentEvent"]


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """A webhook call of the payment provider; the provider may deliver it more than once."""

    id: str
    order: str


class Fulfilment:
    """Ships paid orders; ``ship`` hands an order to the warehouse."""

    def __init__(self, ship: Callable[[str], None]) -> None:
        self._ship = ship
        self._seen: set[str] = set()

    def on_payment(self, event: PaymentEvent) -> bool:
        """Ship the order of an event and return True; return False for one that was handled."""
        if event.id in self._seen and not reintroduced("PM-0005"):
            return False
        self._seen.add(event.id)
        self._ship(event.order)
        return True
