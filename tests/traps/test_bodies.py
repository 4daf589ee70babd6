"""Bodies that nobody should have saved: each is mirrored, or is that page's failure, within bounds;
the run goes on.

The bounds are those of the machine: the process is stopped by the kernel after ten seconds of work,
and its peak of memory is what the kernel counted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confluence_sandbox import SampleGateway, Site
from tests.crash.conftest import Nurseries
from tests.crash.scene import environ
from tests.mirror.harness import Bench
from tests.mirror.test_nights import pages_in
from tests.selection import only_quick
from tests.servers.vector_api import VectorApiServer

SECONDS = 10
MEGABYTES = 500

LEVELS = 5_000
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))

CORPUS: dict[str, Callable[[], str]] = {
    "elements that are never closed": lambda: "<p><b><i><table><tr><td>" * 300 + "text",
    "elements that are closed before they are opened": lambda: (
        "</p></td></table>" * 300 + "<p>text</p>"
    ),
    "five thousand levels of lists": lambda: "<ul><li>" * LEVELS + "deep" + "</li></ul>" * LEVELS,
    "five thousand levels of panels": lambda: (
        '<ac:structured-macro ac:name="info"><ac:rich-text-body>' * LEVELS
        + "<p>deep</p>"
        + "</ac:rich-text-body></ac:structured-macro>" * LEVELS
    ),
    "five thousand levels of tables": lambda: (
        "<table><tbody><tr><td>" * LEVELS + "deep" + "</td></tr></tbody></table>" * LEVELS
    ),
    "a bomb of entities": lambda: f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]><p>&l9;</p>',
    "an entity that names a file": lambda: (
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><p>&f;</p>'
    ),
    "null bytes": lambda: "<p>a\0b</p>\0<p>&#0; and c</p>",
    "half characters": lambda: "<p>a \ud800 b \udfff</p>",
    "CDATA that never ends": lambda: (
        '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[' + "x < y && z\n" * 2_000
    ),
    "a table of ten thousand rows": lambda: (
        "<table><tbody>"
        + "".join(f"<tr><td>{n}</td><td>row {n}</td><td>{n * n}</td></tr>" for n in range(10_000))
        + "</tbody></table>"
    ),
    "a cell that spans a million columns": lambda: (
        '<table><tr><td colspan="1000000" rowspan="1000000">a</td></tr><tr><td>b</td></tr></table>'
    ),
    "one line of five megabytes": lambda: "<p>" + "word " * 1_000_000 + "</p>",
    "five megabytes without a blank": lambda: "<p>" + "x" * 5_000_000 + "</p>",
    "a hundred thousand empty paragraphs": lambda: "<p></p>" * 100_000,
    "only a less-than": lambda: "<",
    "no markup at all": lambda: "ac:structured-macro &amp;&&amp;;",
}


QUICK = (
    "elements that are never closed",
    "five thousand levels of panels",
    "a bomb of entities",
    "an entity that names a file",
    "half characters",
    "a cell that spans a million columns",
    "only a less-than",
)


def site_with(text: str) -> Site:
    site = Site()
    site.add_space("OPS", "Operations")
    site.add("OPS", "Before it", "<p>A page that is in order.</p>")
    site.add("OPS", "The bad one", text)
    site.add("OPS", "After it", "<p>Another page that is in order.</p>")
    return site


@pytest.mark.parametrize("name", only_quick(CORPUS, *QUICK))
def test_a_run_survives(name: str, nurseries: Nurseries, tmp_path: Path) -> None:
    with (
        SampleGateway(site_with(CORPUS[name]())) as gateway,
        VectorApiServer("underscore") as server,
        nurseries.one() as nursery,
    ):
        env = environ(gateway, tmp_path) | {
            "VECTOR_API_BASE_URL": server.url,
            "CHUNK_TOKENS": "1000",
        }
        ended = nursery.run(tmp_path, env, cpu_seconds=SECONDS)
        assert ended.code in (0, 75), ended.err[-2000:]
        assert ended.peak <= MEGABYTES
        stored = {str(row.metadata["title"]) for row in server.state.collections["confluence"].rows}
        assert {"Before it", "After it"} <= stored
        failed = "'The bad one' failed" in ended.err
        assert (ended.code == 75) is failed
        assert not any("root:" in row.text for row in server.state.collections["confluence"].rows)


MARKUP = st.sampled_from(
    [
        *(
            "<p>",
            "</p>",
            "<table>",
            "<tr>",
            '<td colspan="3">',
            "</td>",
            "</table>",
            "<ul><li>",
            "</li>",
            "<pre>",
        ),
        *(
            '<ac:structured-macro ac:name="code">',
            "<ac:plain-text-body><![CDATA[",
            "]]>",
            "</ac:plain-text-body>",
        ),
        *(
            '<ac:link><ri:page ri:content-title="X"/>',
            "</ac:link>",
            "<ri:user/>",
            "&nbsp;",
            "&bogus;",
            "&#x1F600;",
        ),
        *("<!--", "-->", "<?x", "<![CDATA[", "\0", "\x1b[31m", "word ", "\n"),
    ]
)


@given(parts=st.lists(st.one_of(MARKUP, st.text(max_size=20)), max_size=40))
@settings(max_examples=20)
def test_whatever_a_body_is_the_other_pages_are_mirrored(
    parts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with SampleGateway(site_with("".join(parts))) as gateway:
        bench = Bench(gateway, tmp_path_factory.mktemp("fuzz"))
        bench.run()
        assert {"Before it", "After it"} <= pages_in(bench)
