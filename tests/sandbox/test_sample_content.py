"""The bundled site, generated sites, and what a page looks like when it is rendered."""

from __future__ import annotations

import re
from collections import Counter
from statistics import median

import pytest
from sample_client import V2, Client

from confluence_sandbox import SampleGateway, Site, demo_site, generated_site
from confluence_sandbox.render import local, tree
from confluence_sandbox.render_macros import export_view

MACROS = [
    "anchor",
    "attachments",
    "blog-posts",
    "children",
    "code",
    "column",
    "contentbylabel",
    "details",
    "detailssummary",
    "drawio",
    "excerpt",
    "excerpt-include",
    "expand",
    "gallery",
    "gliffy",
    "include",
    "info",
    "jira",
    "mermaid-macro",
    "noformat",
    "note",
    "pagetree",
    "panel",
    "plantuml",
    "plantumlcloud",
    "recently-updated",
    "section",
    "status",
    "task-report",
    "tip",
    "toc",
    "view-file",
    "warning",
]
ELEMENTS = [
    "ac:link",
    "ac:link-body",
    "ac:plain-text-link-body",
    "ac:image",
    "ac:emoticon",
    "ac:inline-comment-marker",
    "ac:placeholder",
    "ac:layout",
    "ac:task-list",
    "ac:adf-extension",
    "ac:adf-fallback",
    "ac:adf-parameter",
    "ri:page",
    "ri:blog-post",
    "ri:attachment",
    "ri:url",
    "ri:user",
    "ri:space",
    "time",
    "table",
    "pre",
    "blockquote",
]


@pytest.fixture(scope="module")
def demo() -> Site:
    return demo_site()


def test_the_bundled_site_is_the_size_of_a_team_space(demo: Site) -> None:
    assert 40 <= len(demo.current("PLAT")) <= 60
    assert [content.title for content in demo.current("~712020c4d5e6f7")] == ["Notes to self"]


def test_the_bundled_site_holds_every_macro_and_element_that_is_converted(demo: Site) -> None:
    bodies = "".join(content.body for content in demo.current())
    used = {local(element) for content in demo.current() for element in tree(content.body).iter()}
    assert [name for name in MACROS if f'ac:name="{name}"' not in bodies] == []
    assert [name for name in ELEMENTS if name not in used] == []
    assert "]]]]><![CDATA[>" in bodies


def test_the_bundled_site_has_pages_that_a_mirror_leaves_out(demo: Site) -> None:
    left_out = Counter(
        content.status if demo.visible(content) else "restricted"
        for content in demo.content.values()
        if content.type == "page" and content not in demo.current()
    )
    assert left_out == {"archived": 1, "trashed": 1, "draft": 1, "restricted": 2}


def test_the_bundled_site_has_nested_folders_and_other_parents(demo: Site) -> None:
    kinds = {parent.type for content in demo.current() for parent in demo.ancestors(content)}
    assert kinds == {"page", "folder", "database"}
    nested = [
        content
        for content in demo.current()
        if Counter(p.type for p in demo.ancestors(content))["folder"] == 2
    ]
    assert nested


def test_links_between_bundled_pages_lead_somewhere(demo: Site) -> None:
    titles = {content.title for content in demo.current()}
    wanted = {
        title
        for content in demo.current()
        for title in re.findall(r'ri:content-title="([^"@]+)"', content.body.replace("&#39;", "'"))
    }
    assert wanted <= titles


def test_every_bundled_page_can_be_rendered(demo: Site) -> None:
    for content in demo.current():
        shown = export_view(content.body, demo, content)
        assert not re.search(r"<(ac|ri):|<!\[CDATA", shown), content.title


@pytest.mark.parametrize(
    ("storage", "shown"),
    [
        ("<p>a &mdash; &lt;b&gt;</p>", "<p>a — &lt;b&gt;</p>"),
        ("<p>no & xml", "<p>no & xml"),
        ("<ac:placeholder>hint</ac:placeholder>", ""),
        (
            '<ac:link><ri:page ri:content-title="Nowhere" /></ac:link>',
            '<a class="createlink" href="#">Nowhere</a>',
        ),
        (
            '<time datetime="2026-02-01" />',
            '<time datetime="2026-02-01" class="date-past">1 Feb 2026</time>',
        ),
        (
            '<ac:structured-macro ac:name="some-app"><ac:parameter ac:name="x">y</ac:parameter></ac:structured-macro>',
            (
                '<div class="ap-container conf-macro output-block" data-hasbody="false" data-macro-name="some-app">'
                '<div class="ap-content"></div></div>'
            ),
        ),
    ],
)
def test_a_page_is_rendered_as_an_export_shows_it(storage: str, shown: str, site: Site) -> None:
    assert export_view(storage, site, site.add("OPS", "Page")) == shown


def test_an_included_page_is_shown_unless_the_reader_may_not_see_it(site: Site) -> None:
    inner = site.add("OPS", "Inner", "<p>secret sauce</p>")
    link = '<ac:link><ri:page ri:content-title="Inner" /></ac:link>'
    macro = f'<ac:structured-macro ac:name="include"><ac:parameter ac:name="">{link}</ac:parameter></ac:structured-macro>'
    outer = site.add("OPS", "Outer", macro)
    assert "secret sauce" in export_view(outer.body, site, outer)
    site.restrict(inner)
    assert "Unable to render {include}" in export_view(outer.body, site, outer)


def test_a_page_that_includes_itself_comes_to_an_end(site: Site) -> None:
    link = '<ac:link><ri:page ri:content-title="@self" /></ac:link>'
    macro = f'<ac:structured-macro ac:name="include"><ac:parameter ac:name="">{link}</ac:parameter></ac:structured-macro>'
    page = site.add("OPS", "Page", f"<p>again</p>{macro}")
    assert export_view(page.body, site, page).count("again") == 4


def test_rendered_bodies_are_served_one_page_at_a_time(site: Site, client: Client) -> None:
    page = site.add("OPS", "Page", "<h1>Title</h1>")
    body = client.get(f"{V2}/pages/{page.id}", body_format="export_view").json["body"][
        "export_view"
    ]
    assert body == {"representation": "export_view", "value": '<h1 id="Page-Title">Title</h1>'}


@pytest.mark.parametrize("spaces", [("GEN",), ("A", "B", "C")])
def test_a_generated_site_has_exactly_the_wanted_number_of_pages(spaces: tuple[str, ...]) -> None:
    assert [len(generated_site(pages, spaces=spaces).current()) for pages in (3, 100, 501)] == [
        3,
        100,
        501,
    ]


def test_a_generated_site_is_the_same_for_the_same_seed() -> None:
    def picture(seed: int) -> list[tuple[object, ...]]:
        return [
            (each.id, each.title, each.body, each.parent_id, each.labels, each.version.number)
            for each in generated_site(60, seed=seed).current()
        ]

    assert picture(1) == picture(1) != picture(2)


def test_generated_bodies_have_a_typical_size_and_a_long_tail() -> None:
    sizes = [len(content.body) for content in generated_site(1_000).current()]
    assert 2_000 < median(sizes) < 4_500
    assert 200_000 < max(sizes) < 520_000


def test_a_large_listing_is_walked_in_full() -> None:
    site = generated_site(5_000, spaces=("GEN", "MORE"))
    with SampleGateway(site) as gateway:
        client = Client(gateway)
        listed = [
            each
            for space in site.spaces
            for kind in ("pages", "blogposts")
            for each in client.listed(f"/spaces/{space}/{kind}", status="current", limit=250)
        ]
        found = client.found("type in (page, blogpost) order by lastmodified", limit=1000)
        client.connection.close()
    assert sorted(listed) == sorted(found) == sorted(content.id for content in site.current())


def test_a_generated_site_has_as_many_comments_and_files_as_are_wanted() -> None:
    site, same = (generated_site(40, comments=1.6, files=2.5) for _ in range(2))
    assert (len(site.comments), len(site.files)) == (64, 100)
    assert any(comment.reply_to for comment in site.comments.values())
    assert [file.title for file in site.files.values()] == [
        file.title for file in same.files.values()
    ]
    assert [page.title for page in site.current()] == [
        page.title for page in generated_site(40).current()
    ]
