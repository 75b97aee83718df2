import pytest

from mnist_demo.server.clients import client_address
from tests.conftest import make_request


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
    ],
)
def test_a_client_is_its_ipv4_address_or_ipv6_network(host: str, address: str):
    assert client_address(make_request("a page", host)) == address
