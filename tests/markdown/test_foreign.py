"""Which pages show the text of others when Confluence renders them."""

from __future__ import annotations

import pytest

from confluence_mirror import markdown


@pytest.mark.parametrize(
    ("storage", "shows"),
    [
        ("<p>Nothing.</p>", False),
        ('<ac:structured-macro ac:name="toc" />', False),
        (
            '<ac:structured-macro ac:name="include"><ac:parameter ac:name="" /></ac:structured-macro>',
            True,
        ),
        (
            '<p>x</p><ac:structured-macro ac:schema-version="1"\n ac:macro-id="a>b" ac:name="Excerpt-Include" />',
            True,
        ),
        ("<ac:macro ac:name='detailssummary' />", True),
        (
            '<ac:structured-macro ac:name="code"><ac:parameter ac:name="search">x</ac:parameter></ac:structured-macro>',
            False,
        ),
        ("<p>The include macro, ac:name=&quot;include&quot;, is not one here.</p>", False),
    ],
)
def test_a_page_with_a_macro_that_is_filled_from_others_shows_other_pages(
    storage: str, shows: bool
) -> None:
    assert markdown.shows_other_pages(storage) == shows
