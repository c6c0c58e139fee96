"""Webhooks outlive a change of the keys that their secrets are encrypted with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from bridge.fake import FakeBridge
from sessions.config import Network, ServiceConfig
from sessions.data_directory import DataUnusable
from sessions.service import build_service
from sessions.vault import generate_key
from tests.support.receiver import receiving
from tests.support.sessions import running, soon
from tests.support.traces import all_bytes
from tests.support.webhooks import LOOPBACK, make_hooked

SECRET, PASSWORD = "the-secret-of-a-receiver", "the-value-of-a-header"


def keys(*given: str) -> dict[str, Any]:
    """Return the settings of a service with keys, the newest first."""
    return {"encryption_key": ",".join(given), "webhook_allow": LOOPBACK}


def test_keys_are_changed(tmp_path: Path) -> None:
    """A wrong key stops the start and changes nothing; behind a new one the old one can go."""
    old, new = generate_key(), generate_key()
    with receiving() as receiver:
        with running(tmp_path, **keys(old)) as stage:
            hooked = make_hooked(stage, receiver.url, secret=SECRET, headers={"X-Name": PASSWORD})
        for text in (SECRET, PASSWORD):
            assert text.encode() not in all_bytes(tmp_path)
        before = all_bytes(tmp_path)
        config = ServiceConfig(tmp_path, Network.whatsapp(), **keys(new))
        with pytest.raises(DataUnusable, match="another key than that of WUTS_ENCRYPTION_KEY"):
            build_service(config, FakeBridge()).start()
        assert all_bytes(tmp_path) == before
        with running(tmp_path, **keys(new, old)):
            pass
        with running(tmp_path, **keys(new)) as stage:
            outcome = stage.service.webhooks.test(
                hooked.feed.principal, hooked.feed.device.id, deadline=soon()
            )
        assert outcome.is_success
        (request,) = receiver.requests
    assert Verifier(SECRET.encode()).verify(request.body, request.headers)
    assert request.headers["x-name"] == PASSWORD
