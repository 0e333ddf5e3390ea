"""Logins."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from urllib.request import urlopen

import pytest

from shop.sessions import InvalidSession, Sessions

STAGING_KEY_SERVER = os.environ.get("SHOP_STAGING_KEY_SERVER", "")


def one_key() -> Mapping[str, bytes]:
    """Answer like a key server that has one key."""
    return {"2026-01": b"a secret"}


def test_a_session_names_its_user() -> None:
    """One server accepts the session that another has signed."""
    session = Sessions(one_key).sign("ada")

    assert Sessions(one_key).user(session) == "ada"


@pytest.mark.parametrize("forged", ["eve", "eve:2026-01:00", "eve:2031-12:00"])
def test_a_forged_session_is_refused(forged: str) -> None:
    """No signature, a wrong one, an invented key: none lets anybody in."""
    sessions = Sessions(one_key)

    with pytest.raises(InvalidSession, match="eve"):
        sessions.user(forged)


@pytest.mark.postmortem("PM-0002")
@pytest.mark.skipif(not STAGING_KEY_SERVER, reason="needs the staging key server")
def test_a_session_survives_a_key_rotation() -> None:
    """A server that fetched its keys before a rotation accepts sessions signed after it."""

    def staging_keys() -> Mapping[str, bytes]:
        with urlopen(f"{STAGING_KEY_SERVER}/keys") as answer:
            return {name: bytes.fromhex(key) for name, key in json.load(answer).items()}

    early = Sessions(staging_keys)
    urlopen(f"{STAGING_KEY_SERVER}/rotate", data=b"").close()
    late = Sessions(staging_keys)

    assert early.user(late.sign("ada")) == "ada"
