"""Networks."""

from __future__ import annotations

import hashlib

from sessions.config import Network

KEY = "ab" * 32


def test_the_real_network_is_known_by_name() -> None:
    """WhatsApp itself needs no endpoint."""
    assert Network.whatsapp().name == "whatsapp"
    assert Network.whatsapp().to_bridge() == {"kind": "whatsapp"}


def test_a_simulator_is_known_by_its_root_key() -> None:
    """Its name is the hash of the key's bytes, whatever the endpoint and the case of the digits."""
    expected = "sim:" + hashlib.sha256(bytes.fromhex(KEY)).hexdigest()
    assert Network.simulator("127.0.0.1:1", KEY).name == expected
    assert Network.simulator("127.0.0.1:2", KEY.upper()).name == expected
    assert Network.simulator("127.0.0.1:1", KEY).to_bridge() == {
        "kind": "simulator",
        "endpoint": "127.0.0.1:1",
        "root_key": KEY,
    }
