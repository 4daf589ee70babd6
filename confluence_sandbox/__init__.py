"""A Confluence Cloud site to try things on: the demo, the tests and the benchmarks run against it.

``Site`` is the state, ``SampleGateway`` serves it over HTTP as Atlassian's gateway would. Nothing
outside this folder knows that it is not the real one.
"""

from __future__ import annotations

from confluence_sandbox.clock import Clock
from confluence_sandbox.content import Content, Person, SpaceInfo, VersionInfo
from confluence_sandbox.demo import demo_site
from confluence_sandbox.faults import Fault
from confluence_sandbox.gateway import Entry, SampleGateway
from confluence_sandbox.generated import generated_site
from confluence_sandbox.generated_access import restricted_site
from confluence_sandbox.site import Site
from confluence_sandbox.state import ROBOT
from confluence_sandbox.switches import Switches

__all__ = [
    "ROBOT",
    "Clock",
    "Content",
    "Entry",
    "Fault",
    "Person",
    "SampleGateway",
    "Site",
    "SpaceInfo",
    "Switches",
    "VersionInfo",
    "demo_site",
    "generated_site",
    "restricted_site",
]
