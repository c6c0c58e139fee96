"""Where a request comes from. What a proxy says counts only if the proxy is trusted."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from flask import Request

Networks = Sequence[IPv4Network | IPv6Network]

UNKNOWN = "unknown"
_IPV6_PREFIX = 64


def find_origin(request: Request, trusted: Networks) -> str:
    """Return the key of the network that the request comes from.

    `X-Forwarded-For` is read from its right end for as long as trusted proxies wrote it. An IPv6
    client has a whole /64 to choose addresses from, so that is what counts.
    """
    peer = _read_address(request.remote_addr or "")
    if trusted:
        peer = _skip_proxies(peer, request.headers.getlist("X-Forwarded-For"), trusted)
    if peer is None:
        return UNKNOWN
    if isinstance(peer, IPv6Address):
        return str(ipaddress.ip_network((peer, _IPV6_PREFIX), strict=False))
    return str(peer)


def _skip_proxies(
    peer: IPv4Address | IPv6Address | None, forwarded: Sequence[str], trusted: Networks
) -> IPv4Address | IPv6Address | None:
    hops = [hop.strip() for hop in ",".join(forwarded).split(",") if hop.strip()]
    while peer is not None and hops and any(peer in network for network in trusted):
        peer = _read_address(hops.pop())
    return peer


def _read_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
