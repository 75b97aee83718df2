"""Who a request comes from: the address that limits and queues count by."""

from contextlib import suppress
from ipaddress import ip_address, ip_network

import gradio as gr
from starlette.requests import HTTPConnection


def client_address(request: gr.Request | HTTPConnection) -> str:
    """Return the client's address, or its IPv6 network; behind a proxy that does not forward it, the proxy's."""
    host = request.client.host if request.client else ""
    with suppress(ValueError):
        if (ip := ip_address(host)).version == 6:
            return str(ip.ipv4_mapped or ip_network((int(ip), 64), strict=False))  # one client has 2**64 addresses
    return host
