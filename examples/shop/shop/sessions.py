"""Logins that every server of the shop can check: a user's name, signed with a shared key."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping

__all__ = ["InvalidSession", "Sessions"]


class InvalidSession(Exception):
    """The session was not signed with one of our keys."""


class Sessions:
    """Signs and checks sessions; ``fetch_keys`` asks the key server, newest key last."""

    def __init__(self, fetch_keys: Callable[[], Mapping[str, bytes]]) -> None:
        self._fetch_keys = fetch_keys
        self._keys = fetch_keys()

    def sign(self, user: str) -> str:
        """Return a session, ``user:key:signature``, signed with the newest key."""
        key = list(self._keys)[-1]
        return f"{user}:{key}:{self._signature(user, key)}"

    def user(self, session: str) -> str:
        """Return the user of a session.

        A key that is not known yet may be newer than the ones fetched, so it is looked for once.

        Raises:
            InvalidSession: when the session was signed by somebody else, or not at all.
        """
        user, key, signature = (*session.split(":", 2), "", "")[:3]
        if key not in self._keys:
            self._keys = self._fetch_keys()
        if key not in self._keys or not hmac.compare_digest(signature, self._signature(user, key)):
            raise InvalidSession(user)
        return user

    def _signature(self, user: str, key: str) -> str:
        return hmac.new(self._keys[key], user.encode(), hashlib.sha256).hexdigest()
