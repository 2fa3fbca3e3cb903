"""Where a request goes."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from pod_addresses.requests import Requests


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://[fd00:ec2::23]/v1/credentials", "fd00:ec2::23", 80),
        ("http://169.254.170.23/v1/credentials", "169.254.170.23", 80),
        ("http://localhost:8080/", "localhost", 8080),
        ("https://[2001:db8::1]/", "2001:db8::1", 443),
        ("https://ec2.us-east-1.amazonaws.com/", "ec2.us-east-1.amazonaws.com", 443),
    ],
)
def test_an_ipv6_address_is_no_host_with_a_port(url: str, host: str, port: int) -> None:
    connection = Requests(None)._connection(urlsplit(url))
    assert (connection.host, connection.port) == (host, port)
