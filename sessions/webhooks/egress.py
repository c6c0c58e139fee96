"""Where deliveries may go: to the public internet, and to networks that the operator allows.

A name is looked up once, every address that it has is judged, and the connection goes to one that
was judged: a name that changes afterwards, or has several faces, changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from threading import Thread

import httpx

from sessions.config import Listener
from sessions.deadline import Deadline
from sessions.errors import InvalidInput, Problem

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_LONGEST_URL = 2048
_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535
_HOST = re.compile(r"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+")
_NAT64 = IPv6Network("64:ff9b::/96")
# What `is_global` lets through in some version of Python, or knows nothing of.
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "168.63.129.16/32",  # the metadata service of a cloud, on a public address
        "192.0.0.0/24",
        "192.88.99.0/24",
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b:1::/48",
        "2001::/23",  # Teredo among others
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)


class AddressRefused(Exception):
    """A delivery would go where none may go."""


class NameNotFound(Exception):
    """The receiver's name has no address."""


class LookUpTimedOut(Exception):
    """The receiver's name was not found out in time."""


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver, as its URL names it."""

    is_secure: bool
    host: str
    port: int
    path: str


class Guard:
    """Judges URLs and addresses. `allowed` networks are the only exemption, from https too."""

    def __init__(self, allowed: Sequence[Network], own: Sequence[Listener]) -> None:
        self._allowed = allowed
        self._own = own

    def check(self, url: str) -> None:
        """Raise InvalidInput for a URL that no delivery will ever be sent to.

        A name is not looked up here: what it means is judged at each delivery.
        """
        try:
            target = parse_url(url)
            if not target.is_secure and not self._allowed:
                raise ValueError("Must begin with https://.")
            for address in _literals(target.host):
                self._judge(address, target)
        except AddressRefused:
            raise _wrong_url("Names an address that nothing is sent to.") from None
        except ValueError as error:
            raise _wrong_url(str(error)) from None

    def resolve(self, target: Target, deadline: Deadline) -> Sequence[str]:
        """Return the addresses of a receiver. Each of them must be one that may be sent to.

        Raises AddressRefused, NameNotFound, LookUpTimedOut.
        """
        addresses = _look_up(target.host, deadline)
        for address in addresses:
            self._judge(address, target)
        return addresses

    def _judge(self, text: str, target: Target) -> None:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            raise AddressRefused from None
        if any(_is_own(address, target.port, listener) for listener in self._own):
            raise AddressRefused
        if any(address in network for network in self._allowed):
            return
        if not target.is_secure or not is_public(address):
            raise AddressRefused


def parse_url(url: str) -> Target:
    """Read a receiver's URL. Raises ValueError, whose text says what is wrong."""
    if len(url) > _LONGEST_URL:
        raise ValueError(f"Must have at most {_LONGEST_URL} characters.")
    try:
        parsed = httpx.URL(url)
        host, path = parsed.raw_host.decode("ascii"), parsed.raw_path.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        raise ValueError("Is not a URL.") from None
    if parsed.scheme not in _PORTS:
        raise ValueError("Must begin with https://.")
    # Programs differ in what these mean; nobody needs them.
    if "@" in url.partition("://")[2].partition("/")[0] or "\\" in url or parsed.fragment:
        raise ValueError("Must hold neither a user nor a fragment.")
    port = _PORTS[parsed.scheme] if parsed.port is None else parsed.port
    if not _HOST.fullmatch(host) or not 0 < port <= _LAST_PORT:
        raise ValueError("Names no host, or no port.")
    return Target(parsed.scheme == "https", host, port, path)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet."""
    if isinstance(address, IPv6Address) and address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NEVER)
    )


def _is_own(address: Address, port: int, listener: Listener) -> bool:
    if port != listener.port:
        return False
    host = ipaddress.ip_address(listener.host)
    plain = address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
    return plain == host or (host.is_unspecified and _is_of_this_machine(plain))


def _is_of_this_machine(address: Address) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def _literals(host: str) -> Sequence[str]:
    """Return the address that a host writes as numbers, in any notation; nothing for a name."""
    try:
        return _addresses(host, socket.AI_NUMERICHOST)
    except OSError:
        return ()


def _look_up(host: str, deadline: Deadline) -> Sequence[str]:
    """Look a name up in a thread of its own, for the system's look-up knows no time-out."""
    literals = _literals(host)
    if literals:
        return literals
    found: list[Sequence[str]] = []

    def run() -> None:
        try:
            found.append(_addresses(host))
        except (OSError, UnicodeError):
            found.append(())

    thread = Thread(target=run, name="look-up", daemon=True)
    thread.start()
    thread.join(deadline.remaining())
    if not found:
        raise LookUpTimedOut
    if not found[0]:
        raise NameNotFound
    return found[0]


def _addresses(host: str, flags: int = 0) -> Sequence[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _wrong_url(message: str) -> InvalidInput:
    return InvalidInput([Problem("webhook_url", message)])
