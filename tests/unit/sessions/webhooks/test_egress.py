"""Where deliveries may go: no notation, name or change of a name leads to anywhere else."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from ipaddress import ip_address, ip_network
from threading import Event

import pytest

from sessions.config import Listener
from sessions.deadline import Deadline
from sessions.errors import InvalidInput
from sessions.webhooks.egress import (
    AddressRefused,
    Guard,
    LookUpTimedOut,
    NameNotFound,
    is_public,
    parse_url,
)
from tests.support.sessions import soon

OPEN = Guard([], [])
LOOPBACK = Guard([ip_network("127.0.0.0/8")], [Listener("127.0.0.1", 8080)])
PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1"),
        *("169.254.169.254", "172.16.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1"),
        *("192.168.1.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "168.63.129.16", "::", "::1", "::7f00:1", "::ffff:127.0.0.1"),
        *("::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1"),
        *("2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1"),
        *("fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1"),
    ],
)
def test_special_addresses(address: str) -> None:
    """Nothing that is not the public internet is taken for it, nor what embeds such an address."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", [PUBLIC, "64:ff9b::5db8:d70e", "2606:4700::1111"])
def test_public_addresses(address: str) -> None:
    """The public internet is reached, also through the network's translation of its addresses."""
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0"),
        *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "017700000001"),
    ],
)
def test_notations_of_loopback(host: str) -> None:
    """Every way to write a loopback address is refused when it is configured, and when it is used.

    The system reads decimal, octal, hexadecimal and short forms as addresses.
    """
    with pytest.raises(InvalidInput):
        OPEN.check(f"https://{host}/hook")
    target = parse_url(f"https://{host}/hook")
    with pytest.raises(AddressRefused):
        OPEN.resolve(target, soon())


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "ftp://example.com/", "//example.com/", "example.com", ""),
        *("https://", "https:///path", "https://user@example.com/", "https://u:p@example.com/"),
        *("https://@example.com/", "https://example.com/#part", "https://example.com\\@a.example"),
        *("https://example.com:0/", "https://example.com:65536/", "https://a b/"),
        *("https://exa%6Dple.com/", "https://[fe80::1%25eth0]/", "https://0177.0.0.1/"),
        *("https://\uff11\uff12\uff17.0.0.1/", "https://example.com/" + "a" * 2048),
    ],
)
def test_urls_that_nothing_is_sent_to(url: str) -> None:
    """What is not plainly an https URL of a host is refused, with the field's name."""
    with pytest.raises(InvalidInput) as raised:
        OPEN.check(url)
    assert raised.value.problems[0].field == "webhook_url"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[Sequence[str]]]]:
    """Names with the addresses of each look-up, the last one for ever; others are not found."""
    known: dict[str, list[Sequence[str]]] = {}
    real = socket.getaddrinfo

    def look_up(host: str, port: object, *_: object, flags: int = 0, **__: object) -> object:
        if flags or host not in known:
            return real(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        answers = known[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(0, 0, 0, "", (address, 0)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.mark.parametrize("bad", ["127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1"])
def test_names_are_judged_by_every_address(names: dict[str, list[Sequence[str]]], bad: str) -> None:
    """A name that means one forbidden address among others is refused, each time it is used."""
    names["mixed.example"] = [[PUBLIC], [PUBLIC, bad]]
    OPEN.check("https://mixed.example/")
    target = parse_url("https://mixed.example/")
    assert OPEN.resolve(target, soon()) == [PUBLIC]
    with pytest.raises(AddressRefused):
        OPEN.resolve(target, soon())


def test_names_without_addresses(names: dict[str, list[Sequence[str]]]) -> None:
    """A name that nobody has is told apart from one that may not be used."""
    assert names == {}
    with pytest.raises(NameNotFound):
        OPEN.resolve(parse_url("https://name.invalid/"), soon())


def test_a_slow_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up that does not end holds nobody longer than the time that is left."""
    released = Event()

    def never(*_: object, flags: int = 0, **__: object) -> object:
        if not flags:
            released.wait()
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", never)
    with pytest.raises(LookUpTimedOut):
        OPEN.resolve(parse_url("https://slow.example/"), Deadline.after(0.01))
    released.set()


def test_allowed_networks() -> None:
    """What the operator allows is reached without TLS; the rest is as before."""
    LOOPBACK.check("http://127.0.0.1:9/")
    assert LOOPBACK.resolve(parse_url("http://127.0.0.1:9/"), soon()) == ["127.0.0.1"]
    for url in ("http://10.0.0.1/", f"http://{PUBLIC}/", "http://[::1]/"):
        with pytest.raises(AddressRefused):
            LOOPBACK.resolve(parse_url(url), soon())
    with pytest.raises(AddressRefused):
        LOOPBACK.resolve(parse_url("http://[::ffff:127.0.0.1]:9/"), soon())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433"])
def test_own_listeners(host: str) -> None:
    """The service never sends to itself, also where the operator allows the network."""
    allowed = Guard(
        [ip_network("127.0.0.0/8"), ip_network("::1/128")], [Listener("127.0.0.1", 8080)]
    )
    with pytest.raises(AddressRefused):
        allowed.resolve(parse_url(f"http://{host}:8080/"), soon())


def test_own_listeners_on_every_address() -> None:
    """A listener on all addresses is found by each address of this machine, and by no other."""
    guard = Guard([ip_network("0.0.0.0/0")], [Listener("0.0.0.0", 8080)])
    with pytest.raises(AddressRefused):
        guard.resolve(parse_url("http://127.0.0.2:8080/"), soon())
    assert guard.resolve(parse_url("http://203.0.113.7:8080/"), soon()) == ["203.0.113.7"]
