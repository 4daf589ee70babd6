"""A Confluence Cloud site to try things on: the demo, the tests and the benchmarks run against it.

``Site`` is the state, ``SampleGateway`` serves it over HTTP as Atlassian's gateway would. Nothing
outside this folder knows that it is not the real one.
"""

from __future__ import annotations

from confluence_mirror.sample.clock import Clock
from confluence_mirror.sample.content import Content, Person, SpaceInfo, VersionInfo
from confluence_mirror.sample.demo import demo_site
from confluence_mirror.sample.faults import Fault
from confluence_mirror.sample.gateway import Entry, SampleGateway
from confluence_mirror.sample.generated import generated_site
from confluence_mirror.sample.site import ROBOT, Site
from confluence_mirror.sample.switches import Switches

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
]
