"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import NAMES, PARSERS, Address, Settings, SettingsError, parse_address
from sessions.config import Network

TOKEN = "a-master-token-of-at-least-32-characters"
ROOT_KEY = "ab" * 32


def test_defaults() -> None:
    """Without any setting the service listens on loopback and talks to WhatsApp itself."""
    settings = Settings.from_environment({"PATH": "/bin"})
    assert settings == Settings()
    assert str(settings.bind) == "127.0.0.1:8080"
    assert settings.service_config().network == Network.whatsapp()


def test_every_setting_has_a_parser() -> None:
    """No setting can be read without a check."""
    assert set(NAMES.values()) == set(PARSERS)


def test_values_are_read() -> None:
    """Each value arrives with its type."""
    settings = Settings.from_environment(
        {
            "WUTS_DATA_DIR": "/srv/wuts",
            "WUTS_BIND": "[::1]:9000",
            "WUTS_REQUEST_TIMEOUT": "7.5",
            "WUTS_THREADS": "200",
            "WUTS_LOG_LEVEL": "debug",
            "WUTS_WA_ENDPOINT": "127.0.0.1:4433",
            "WUTS_WA_ROOT_KEY": ROOT_KEY.upper(),
            "WUTS_WA_VERSION": "2.3000.1",
            "WUTS_DEVICES_PER_USER": "7",
        }
    )
    assert settings.data_dir == Path("/srv/wuts")
    assert settings.bind == Address("::1", 9000)
    assert str(settings.bind) == "[::1]:9000"
    assert settings.request_timeout == 7.5
    assert settings.threads == 200
    config = settings.service_config()
    assert config.devices_per_user == 7
    assert config.wa_version == "2.3000.1"
    assert config.network == Network.simulator("127.0.0.1:4433", ROOT_KEY)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WUTS_DATA_DIR", ""),
        ("WUTS_BIND", "localhost:8080"),
        ("WUTS_BIND", "127.0.0.1"),
        ("WUTS_BIND", "127.0.0.1:65536"),
        ("WUTS_BIND", "::1:80"),
        ("WUTS_MASTER_TOKEN", "short"),
        ("WUTS_MASTER_TOKEN", "with a space in it, and long enough for all"),
        ("WUTS_REQUEST_TIMEOUT", "0"),
        ("WUTS_REQUEST_TIMEOUT", "nan"),
        ("WUTS_REQUEST_TIMEOUT", "26"),
        ("WUTS_LOCK_TIMEOUT", "46"),
        ("WUTS_THREADS", "many"),
        ("WUTS_THREADS", "-1"),
        ("WUTS_THREADS", "100"),
        ("WUTS_LOG_LEVEL", "loud"),
        ("WUTS_POOL_SIZE", "0"),
        ("WUTS_WA_VERSION", "2.3000"),
        ("WUTS_WA_VERSION", "2.3000.-1"),
        ("WUTS_NO_SUCH_THING", "1"),
    ],
)
def test_bad_value_stops_the_boot(name: str, value: str) -> None:
    """A value that is not possible ends the start with a sentence that names the setting."""
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({name: value})


@pytest.mark.parametrize(
    "given",
    [
        {"WUTS_WA_ENDPOINT": "127.0.0.1:4433"},
        {"WUTS_WA_ROOT_KEY": ROOT_KEY},
        {"WUTS_WA_ENDPOINT": "192.0.2.1:4433", "WUTS_WA_ROOT_KEY": ROOT_KEY},
        {"WUTS_WA_ENDPOINT": "localhost:4433", "WUTS_WA_ROOT_KEY": ROOT_KEY},
        {"WUTS_WA_ENDPOINT": "127.0.0.1:0", "WUTS_WA_ROOT_KEY": ROOT_KEY},
        {"WUTS_WA_ENDPOINT": "127.0.0.1:4433", "WUTS_WA_ROOT_KEY": "ab"},
    ],
)
def test_endpoint_only_on_loopback_and_with_its_key(given: dict[str, str]) -> None:
    """A simulator is a literal loopback address with its root key, or it is refused."""
    with pytest.raises(SettingsError, match="WUTS_WA_"):
        Settings.from_environment(given)


def test_secret_from_a_file(tmp_path: Path) -> None:
    """A secret may be in a file, whose last line end does not count."""
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    assert Settings.from_environment({"WUTS_MASTER_TOKEN_FILE": str(file)}).master_token == TOKEN


def test_secret_twice_or_unreadable(tmp_path: Path) -> None:
    """A secret that is given twice, or whose file can't be read, stops the boot."""
    both = {"WUTS_MASTER_TOKEN": TOKEN, "WUTS_MASTER_TOKEN_FILE": str(tmp_path / "token")}
    with pytest.raises(SettingsError, match="both set"):
        Settings.from_environment(both)
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.from_environment({"WUTS_MASTER_TOKEN_FILE": str(tmp_path / "none")})


def test_secret_is_not_shown() -> None:
    """Neither the settings' text nor a complaint holds the master token."""
    settings = Settings.from_environment({"WUTS_MASTER_TOKEN": TOKEN})
    assert TOKEN not in repr(settings)
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment({"WUTS_MASTER_TOKEN": "short-secret"})
    assert "short-secret" not in str(raised.value)


def test_address_needs_a_literal() -> None:
    """A name is never resolved."""
    assert parse_address("127.0.0.1:1") == Address("127.0.0.1", 1)
    with pytest.raises(ValueError, match="literal address"):
        parse_address("example.com:1")
