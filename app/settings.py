"""Settings, read once from the environment. A bad value stops the boot with one clear sentence."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from sessions.config import Listener, Network, ServiceConfig
from sessions.data_directory import TOKEN_RULE, is_token
from sessions.vault import KEY_RULE, parse_keys

PREFIX = "WUTS_"
FILE_SUFFIX = "_FILE"


class SettingsError(Exception):
    """A setting that the service cannot start with. The text never holds a secret's value."""


@dataclass(frozen=True, slots=True)
class Address:
    """A literal address and a port to listen on or to connect to."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a process is told at its start; README lists every name with its meaning."""

    data_dir: Path = Path("var/data")
    bind: Address = Address("127.0.0.1", 8080)
    master_token: str | None = field(default=None, repr=False)
    request_timeout: float = 20.0
    lock_timeout: float = 45.0
    threads: int = 160
    log_level: str = "info"
    wa_endpoint: str | None = None
    wa_root_key: str | None = None
    wa_version: str | None = None
    pool_size: int = 64
    tenant_running: int = 16
    command_slots: int = 112
    poll_slots: int = 32
    polls_per_user: int = 4
    devices_per_user: int = 5
    devices_per_tenant: int = 50
    pairings: int = 20
    pairings_per_tenant: int = 3
    pair_codes_per_hour: int = 3
    pair_codes_per_tenant: int = 60
    audit_days: int = 90
    rate_limit: int = 2000
    failure_limit: int = 600
    disk_alert_mib: int = 1024
    disk_reserve_mib: int = 64
    management_bind: Address | None = Address("127.0.0.1", 9464)
    metrics_token: str | None = field(default=None, repr=False)
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    encryption_key: str | None = field(default=None, repr=False)
    webhook_allow: tuple[IPv4Network | IPv6Network, ...] = ()

    def __post_init__(self) -> None:
        if (self.wa_endpoint is None) != (self.wa_root_key is None):
            raise SettingsError(
                "WUTS_WA_ENDPOINT and WUTS_WA_ROOT_KEY are set together or not at all"
            )
        if self.command_slots + self.poll_slots >= self.threads:
            raise SettingsError(
                "WUTS_THREADS must be larger than WUTS_COMMAND_SLOTS and WUTS_POLL_SLOTS together,"
                " so that reads and health checks always find a thread"
            )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read every WUTS_* name, each secret also from the file that WUTS_…_FILE names.

        Raises SettingsError for a name that is not known and for a value that is not possible.
        """
        given = _without_files(os.environ if environ is None else environ)
        unknown = sorted(name for name in given if name not in NAMES)
        if unknown:
            raise SettingsError(f"{unknown[0]} is not a setting of WUTS")
        values: dict[str, Any] = {NAMES[name]: _parse(name, text) for name, text in given.items()}
        return cls(**values)

    def service_config(self) -> ServiceConfig:
        """Return what the service is built from."""
        network = Network.whatsapp()
        if self.wa_endpoint is not None and self.wa_root_key is not None:
            network = Network.simulator(self.wa_endpoint, self.wa_root_key)
        return ServiceConfig(
            data_dir=self.data_dir,
            network=network,
            pool_size=self.pool_size,
            tenant_running=self.tenant_running,
            command_slots=self.command_slots,
            poll_slots=self.poll_slots,
            polls_per_user=self.polls_per_user,
            devices_per_user=self.devices_per_user,
            devices_per_tenant=self.devices_per_tenant,
            pairings=self.pairings,
            pairings_per_tenant=self.pairings_per_tenant,
            pair_codes_per_hour=self.pair_codes_per_hour,
            pair_codes_per_tenant=self.pair_codes_per_tenant,
            audit_days=self.audit_days,
            disk_alert_mib=self.disk_alert_mib,
            disk_reserve_mib=self.disk_reserve_mib,
            log_level=self.log_level,
            wa_version=self.wa_version,
            encryption_key=self.encryption_key,
            webhook_allow=self.webhook_allow,
            listeners=tuple(
                Listener(address.host, address.port)
                for address in (self.bind, self.management_bind)
                if address is not None
            ),
        )


def _without_files(environ: Mapping[str, str]) -> dict[str, str]:
    given = {name: text for name, text in environ.items() if name.startswith(PREFIX)}
    for secret in SECRETS:
        path = given.pop(secret + FILE_SUFFIX, None)
        if path is None:
            continue
        if secret in given:
            raise SettingsError(f"{secret} and {secret}{FILE_SUFFIX} are both set")
        given[secret] = _read_secret(secret + FILE_SUFFIX, path)
    return given


def _read_secret(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name} names a file that cannot be read: {path}") from error


def _parse(name: str, text: str) -> object:
    try:
        return PARSERS[NAMES[name]](text)
    except ValueError as error:
        raise SettingsError(f"{name} {error}") from None


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not low <= float(text) <= high:
            raise ValueError(f"must be a number of seconds from {low:g} to {high:g}")
        return float(text)

    return parse


def _directory(text: str) -> Path:
    if not text:
        raise ValueError("must name a directory")
    return Path(text)


def parse_address(text: str) -> Address:
    """Read ADDRESS:PORT with a literal IPv4 or bracketed IPv6 address; raises ValueError."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    literal = host[1:-1] if bracketed else host
    try:
        address = ipaddress.ip_address(literal)
        if not colon or (address.version == 6) != bracketed:
            raise ValueError
        return Address(literal, _whole_number(0, 65535)(port))
    except ValueError:
        raise ValueError("must be a literal address with a port, such as 127.0.0.1:8080") from None


def _optional_address(text: str) -> Address | None:
    return parse_address(text) if text else None


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError("must be networks such as 10.0.0.0/8, separated by commas") from None


def _loopback_endpoint(text: str) -> str:
    address = parse_address(text)
    if not ipaddress.ip_address(address.host).is_loopback or not address.port:
        raise ValueError("must be a loopback address (127.0.0.0/8 or [::1]) with a port")
    return text


def _root_key(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ValueError("must be 64 hexadecimal digits")
    return text.lower()


def _version(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}", text):
        raise ValueError("must be three numbers with dots, such as 2.3000.1045649367")
    return text


def _token(text: str) -> str:
    if not is_token(text):
        raise ValueError(TOKEN_RULE)
    return text


def _encryption_key(text: str) -> str:
    try:
        parse_keys(text)
    except ValueError:
        raise ValueError(KEY_RULE) from None
    return text


def _log_level(text: str) -> str:
    if text not in ("debug", "info", "warning", "error"):
        raise ValueError("must be debug, info, warning or error")
    return text


PARSERS: Mapping[str, Callable[[str], object]] = {
    "data_dir": _directory,
    "bind": parse_address,
    "master_token": _token,
    "request_timeout": _seconds(1, 25),
    "lock_timeout": _seconds(0, 45),
    "threads": _whole_number(2, 1000),
    "log_level": _log_level,
    "wa_endpoint": _loopback_endpoint,
    "wa_root_key": _root_key,
    "wa_version": _version,
    "pool_size": _whole_number(1, 1000),
    "tenant_running": _whole_number(1, 1000),
    "command_slots": _whole_number(1, 900),
    "poll_slots": _whole_number(1, 900),
    "polls_per_user": _whole_number(1, 900),
    "devices_per_user": _whole_number(1, 10_000),
    "devices_per_tenant": _whole_number(1, 100_000),
    "pairings": _whole_number(1, 10_000),
    "pairings_per_tenant": _whole_number(1, 10_000),
    "pair_codes_per_hour": _whole_number(1, 1000),
    "pair_codes_per_tenant": _whole_number(1, 100_000),
    "audit_days": _whole_number(1, 3650),
    "rate_limit": _whole_number(0, 1_000_000),
    "failure_limit": _whole_number(0, 1_000_000),
    "disk_alert_mib": _whole_number(0, 999_999_999),
    "disk_reserve_mib": _whole_number(0, 999_999_999),
    "management_bind": _optional_address,
    "metrics_token": _token,
    "trusted_proxies": _networks,
    "encryption_key": _encryption_key,
    "webhook_allow": _networks,
}
NAMES: Mapping[str, str] = {PREFIX + item.name.upper(): item.name for item in fields(Settings)}
SECRETS = tuple(PREFIX + name for name in ("MASTER_TOKEN", "METRICS_TOKEN", "ENCRYPTION_KEY"))
