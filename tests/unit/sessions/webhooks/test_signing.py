"""What is sent: the bytes and the signatures of the contract."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Verifier

from sessions.store.event_log import LogEntry
from sessions.vault import Vault, generate_key
from sessions.webhooks.messages import build_message
from sessions.webhooks.pending import build_webhook
from sessions.webhooks.signing import build_body, build_headers, embed_signature
from sessions.webhooks.values import Webhook

SECRET = b"wuts-test-secret"
BODY = (
    b'{"id":"0b0e7c3e-5f0a-4a57-9c1e-2f8f2a9d1c11","event":"chat.archive","timestamp":1781524800,'
    b'"device_id":"7d2f6a0e-1111-4222-8333-444455556666",'
    b'"user_id":"9a8b7c6d-1111-4222-8333-444455556666",'
    b'"data":{"chat_jid":"15550001111@s.whatsapp.net","archived":true,"cause":"api"},'
    b'"sequence":42,"version":1}'
)
SIGNATURE = "5826cffa378bcf21bdf8d3f77bda37a7c3c6177426a2d49aba90c28c31764cf7"
ENTRY = LogEntry(
    "0b0e7c3e-5f0a-4a57-9c1e-2f8f2a9d1c11",
    "chat.archive",
    1_781_524_800_123,
    "7d2f6a0e-1111-4222-8333-444455556666",
    "9a8b7c6d-1111-4222-8333-444455556666",
    {"chat_jid": "15550001111@s.whatsapp.net", "archived": True, "cause": "api"},
    42,
)
AT = datetime.fromtimestamp(1_781_524_805, UTC)


@pytest.fixture
def vault() -> Vault:
    """A vault with a key."""
    vault = Vault()
    vault.unlock(generate_key())
    return vault


def test_vector() -> None:
    """Body, embedded signature and header are those of the contract, to the byte."""
    body = build_body(ENTRY)
    assert body == BODY
    sent = embed_signature(body, SECRET)
    suffix = f',"signature":"sha256={SIGNATURE}"}}'.encode()
    assert (sent, len(suffix)) == (BODY[:-1] + suffix, 87)
    assert build_headers(ENTRY.id, sent, secrets=[SECRET], at=AT) == {
        "webhook-id": ENTRY.id,
        "webhook-timestamp": "1781524805",
        "webhook-signature": "v1,+UDIQ2Lft2PcQ2NCoVDCetGR1EviBR4481047Qvn1JA=",
    }


def test_bytes_of_text() -> None:
    """Text is UTF-8 as it is; only quotation marks, backslashes and control characters escape."""
    text = 'é"\\/\n\x01\x7f\u2028😀</script>'
    entry = LogEntry("i", "e", 0, "d", "u", {"text": text}, 1)
    written = 'é\\"\\\\/\\n\\u0001\x7f\u2028😀</script>'.encode()
    assert b'"data":{"text":"' + written + b'"}' in build_body(entry)


def webhook(vault: Vault, **members: object) -> Webhook:
    """Make a webhook with a secret."""
    made = build_webhook("d", "https://example.com/", events=None, at=AT)
    values = {name: getattr(made, name) for name in Webhook.__slots__}
    return Webhook(**{**values, "secret": vault.encrypt(SECRET.decode()), **members})


def test_both_secrets_for_a_while(vault: Vault) -> None:
    """After a change either secret verifies the headers until the time is over, and no other."""
    changed = webhook(
        vault,
        old_secret=vault.encrypt("the one before"),
        old_secret_until=AT + timedelta(hours=24),
    )
    for later, both in ((0, True), (24, False)):
        now = AT + timedelta(hours=later)
        message = build_message(ENTRY, changed, vault=vault, now=now)
        signatures = message.headers["webhook-signature"].split(" ")
        expected = [SECRET, b"the one before"][: 2 if both else 1]
        assert signatures == [
            Verifier(secret).sign(ENTRY.id, now, message.body.decode()) for secret in expected
        ]
        assert json.loads(message.body)["signature"] == "sha256=" + SIGNATURE


def test_own_headers_are_decrypted(vault: Vault) -> None:
    """The receiver gets the values of the webhook's headers, and nothing tells them before."""
    headers = {"X-Key": vault.encrypt("abc").decode()}
    made = webhook(vault, headers=headers)
    assert "abc" not in repr(made)
    message = build_message(ENTRY, made, vault=vault, now=AT)
    assert message.headers["X-Key"] == "abc"
    assert SECRET.decode() not in repr(message) + repr(made)


def test_without_a_secret_nothing_is_signed(vault: Vault) -> None:
    """Neither the body nor the headers carry a signature."""
    message = build_message(ENTRY, webhook(vault, secret=None), vault=vault, now=AT)
    assert message.body == BODY
    assert set(message.headers) == {"Content-Type", "User-Agent"}


def test_the_field_recipe() -> None:
    """Cutting the last 87 bytes off and closing the object gives what the signature is over."""
    sent = embed_signature(BODY, SECRET)
    body, tail = sent[:-87] + b"}", sent[-87:]
    expected = hmac.new(SECRET, body, "sha256").hexdigest()
    assert hmac.compare_digest(tail, f',"signature":"sha256={expected}"}}'.encode())
