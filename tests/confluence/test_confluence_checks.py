"""What the connectivity check is told of a credential."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from confluence_mirror.confluence.checks import missing_scopes, read_account
from confluence_mirror.confluence.gateway import Gateway
from confluence_mirror.errors import PermissionRefused
from confluence_sandbox import SampleGateway, Site


@pytest.fixture
def sample() -> Iterator[SampleGateway]:
    site = Site()
    site.add_space("OPS", "Operations")
    with SampleGateway(site) as gateway:
        yield gateway
    assert gateway.bugs == []


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway], sample: SampleGateway) -> Gateway:
    return make_gateway(sample.url, sample.cloud_id, sample.user, sample.token)


def test_a_token_with_every_scope_lacks_none(gateway: Gateway) -> None:
    assert missing_scopes(gateway) == []


@pytest.mark.parametrize(
    ("scope", "required"),
    [
        ("search:confluence", True),
        ("read:page:confluence", True),
        ("read:space:confluence", True),
        ("read:folder:confluence", False),
        ("read:confluence-user", False),
        ("read:whiteboard:confluence", False),
        ("read:database:confluence", False),
        ("read:embed:confluence", False),
    ],
)
def test_a_missing_scope_is_named_with_what_it_is_for(
    scope: str, required: bool, gateway: Gateway, sample: SampleGateway
) -> None:
    sample.switches.scopes.discard(scope)

    (missing,) = missing_scopes(gateway)

    assert (missing.scope, missing.required) == (scope, required)
    assert missing.needed_for


def test_a_token_with_classic_scopes_alone_lacks_every_granular_one(
    gateway: Gateway, sample: SampleGateway
) -> None:
    sample.switches.scopes = {"search:confluence", "read:confluence-user"}

    assert [missing.scope for missing in missing_scopes(gateway) if missing.required] == [
        "read:space:confluence",
        "read:page:confluence",
    ]


def test_nothing_is_said_of_the_scopes_of_a_refused_credential(
    gateway: Gateway, sample: SampleGateway
) -> None:
    sample.switches.change({"revoked": True})

    with pytest.raises(PermissionRefused, match="CONF_API_TOKEN"):
        missing_scopes(gateway)
    with pytest.raises(PermissionRefused, match="CONF_API_TOKEN"):
        read_account(gateway)


def test_the_account_is_known_where_its_scope_allows(
    gateway: Gateway, sample: SampleGateway
) -> None:
    known = read_account(gateway)
    assert known is not None
    assert known.display_name == "Sync Robot"

    sample.switches.scopes.discard("read:confluence-user")
    assert read_account(gateway) is None
