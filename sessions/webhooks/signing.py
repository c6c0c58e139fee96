"""What is sent of an event, and the signatures by which its receiver knows that it is ours.

The secret's bytes are the key as they are. The body carries an HMAC of itself as its last member;
the headers are those of Standard Webhooks, over exactly what is sent.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from standardwebhooks import Webhook as Signer

from sessions.store.event_log import LogEntry

_VERSION = 1


def build_body(entry: LogEntry) -> bytes:
    """Write an event as compact UTF-8 JSON, without a signature."""
    members = {
        "id": entry.id,
        "event": entry.event,
        "timestamp": entry.at // 1000,
        "device_id": entry.device_id,
        "user_id": entry.user_id,
        "data": entry.data,
        "sequence": entry.sequence,
        "version": _VERSION,
    }
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()


def embed_signature(body: bytes, secret: bytes) -> bytes:
    """Append the signature of a body to it, as its last member."""
    signature = hmac.digest(secret, body, "sha256").hex()
    return body[:-1] + f',"signature":"sha256={signature}"}}'.encode()


def build_headers(
    event_id: str, sent: bytes, *, secrets: Sequence[bytes], at: datetime
) -> Mapping[str, str]:
    """Return the headers of Standard Webhooks, with one signature for each secret."""
    signatures = [Signer(secret).sign(event_id, at, sent.decode()) for secret in secrets]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
