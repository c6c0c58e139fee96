"""What is encrypted and known again with keys that are not in the database."""

from __future__ import annotations

import pytest

from sessions.vault import Vault, WrongKey, generate_key


def unlocked(*keys: str) -> Vault:
    """Make a vault with keys, the newest first."""
    vault = Vault()
    vault.unlock(",".join(keys))
    return vault


def test_a_new_key_reads_what_an_old_one_wrote() -> None:
    """Keys that come first encrypt from then on; what the others encrypted is read and renewed."""
    old, new = generate_key(), generate_key()
    token = unlocked(old).encrypt("secret")
    both = unlocked(new, old)
    assert both.decrypt(token) == "secret"
    assert not both.is_current(token)
    renewed = both.renew(token)
    assert unlocked(new).decrypt(renewed) == "secret"
    assert unlocked(new).is_current(renewed)


def test_a_wrong_key() -> None:
    """What another key encrypted can't be read."""
    token = unlocked(generate_key()).encrypt("secret")
    with pytest.raises(WrongKey):
        unlocked(generate_key()).decrypt(token)


def test_digests() -> None:
    """A message is known again, also once a new key comes first, and not by another key."""
    old = generate_key()
    digest = unlocked(old).digest(b"body")
    assert len(digest) == 32
    assert unlocked(generate_key(), old).digest(b"body") == digest
    assert unlocked(old).digest(b"other") != digest
    assert unlocked(generate_key()).digest(b"body") != digest
