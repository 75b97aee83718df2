"""Who a request comes from: the address that limits and queues count by."""

from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any

import gradio as gr
from starlette.requests import Request


def client_address(request: gr.Request | Request) -> str:
    """Return the client's address; behind a proxy that does not forward it, the proxy's."""
    return _to_network(request.client.host if request.client else "")


def address_of(client: Sequence[Any] | None) -> str:
    """Return the same for `(host, port)`, as ASGI scopes hold it."""
    return _to_network(client[0] if client else "")


def _to_network(host: str) -> str:
    """Return an IPv6 address's /64 network: one client has 2**64 addresses."""
    with suppress(ValueError):
        if (ip := ip_address(host)).version == 6:
            return str(ip.ipv4_mapped or ip_network((int(ip), 64), strict=False))
    return host
