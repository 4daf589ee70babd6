"""Addresses that users give."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from confluence_mirror.service.outside import check_address
from confluence_mirror.service.problems import Problem
from confluence_mirror.service.settings import AllowedHost, parse_hosts

PUBLIC = "93.184.216.34"
NAMES = {
    "example.com": [PUBLIC],
    "inside.example.com": ["10.1.2.3"],
    "both.example.com": [PUBLIC, "10.1.2.3"],
    "self.example.com": ["127.0.0.1"],
    "mapped.example.com": ["::ffff:10.1.2.3"],
    "localhost": ["127.0.0.1"],
    "metadata.example.com": ["169.254.169.254"],
}


def resolve(host: str, _port: int) -> Sequence[str]:
    if host not in NAMES:
        raise OSError("not known")
    return NAMES[host]


def check(url: str, allowed: tuple[AllowedHost, ...] = ()) -> str:
    return str(check_address(url, "site_url", allowed, resolve).address)


def test_a_public_address_is_asked_where_it_was_checked() -> None:
    assert check("https://example.com/wiki") == PUBLIC


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "//example.com",
        "https://",
        "https://user:secret@example.com/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://0/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[ff02::1]/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://224.0.0.1/",
        "https://localhost/",
        "https://inside.example.com/",
        "https://both.example.com/",
        "https://mapped.example.com/",
        "https://metadata.example.com/",
        "https://nowhere.example.com/",
        "https://exa mple.com/",
        "https://example.com:99999/",
        "https://１２７.0.0.1/",
    ],
)
def test_what_is_not_public_is_refused_by_its_field(url: str) -> None:
    with pytest.raises(Problem) as refused:
        check(url)
    assert refused.value.content()["type"].endswith("address-not-allowed")
    assert refused.value.errors[0][0] == "site_url"
    assert "secret" not in str(refused.value.content())


def test_what_is_named_may_be_private_but_not_this_machine() -> None:
    assert check("https://inside.example.com/", parse_hosts("inside.example.com")) == "10.1.2.3"
    assert check("http://inside.example.com/", parse_hosts("10.0.0.0/8")) == "10.1.2.3"
    for hosts in ("self.example.com", "0.0.0.0/0"):
        with pytest.raises(Problem):
            check("https://self.example.com/", parse_hosts(hosts))
    assert check("http://127.0.0.1:8080/", parse_hosts("127.0.0.1")) == "127.0.0.1"
    assert check("http://localhost:8080/", parse_hosts("localhost")) == "127.0.0.1"
