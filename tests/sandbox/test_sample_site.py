"""What happens on the site, and what it does to versions, dates and visibility."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from confluence_sandbox import Content, Site


def version(content: Content) -> tuple[int, object]:
    return content.version.number, content.version.created_at


def test_an_edit_makes_a_version_with_the_date_of_now(site: Site) -> None:
    page = site.add("OPS", "Page", "<p>a</p>")
    site.clock.advance(hours=3)
    site.edit(page, "<p>b</p>")
    assert (page.version.number, page.body) == (2, "<p>b</p>")
    assert page.version.created_at - page.created_at == timedelta(hours=3)


def test_a_new_title_is_a_new_version(site: Site) -> None:
    page = site.add("OPS", "Old")
    assert site.rename(page, "New").number == 2
    assert page.title == "New"


@pytest.mark.parametrize(
    "happen",
    [
        lambda site, page: site.move(page, parent=site.add("OPS", "Elsewhere")),
        lambda site, page: site.relabel(page, ["a", "my:b"]),
        lambda site, page: site.restrict(page),
        lambda site, page: (site.trash(page), site.restore(page)),
        lambda site, page: (site.archive(page), site.unarchive(page)),
        lambda site, page: site.rename_space("OPS", "Other name"),
    ],
    ids=["moving", "labelling", "restricting", "restoring", "archiving", "renaming the space"],
)
def test_all_else_leaves_the_version_and_its_date_as_they_were(
    happen: Callable[[Site, Content], object], site: Site
) -> None:
    page = site.add("OPS", "Page")
    before = version(page)
    site.clock.advance(hours=1)
    happen(site, page)
    assert version(page) == before


def test_deleted_history_closes_up_the_numbers_and_keeps_the_date(site: Site) -> None:
    page = site.add("OPS", "Page")
    for _ in range(4):
        site.edit(page)
    date = page.version.created_at
    site.forget_history(page, 2)
    assert version(page) == (3, date)


def test_a_restriction_hides_all_that_is_below_it(site: Site) -> None:
    top = site.add("OPS", "Top")
    middle = site.add("OPS", "Middle", parent=top)
    leaf = site.add("OPS", "Leaf", parent=middle)
    site.restrict(top)
    assert site.current() == []
    site.unrestrict(top)
    assert site.current() == [top, middle, leaf]


def test_a_trashed_page_stands_alone_and_its_children_move_up(site: Site) -> None:
    top = site.add("OPS", "Top")
    middle = site.add("OPS", "Middle", parent=top)
    leaf = site.add("OPS", "Leaf", parent=middle)
    site.trash(middle)
    assert (middle.status, middle.parent_id, leaf.parent_id) == ("trashed", None, top.id)
    site.restore(middle)
    assert (middle.status, middle.parent_id) == ("current", top.id)


def test_a_page_whose_parent_is_gone_is_restored_to_the_root(site: Site) -> None:
    top = site.add("OPS", "Top")
    leaf = site.add("OPS", "Leaf", parent=top)
    site.trash(leaf)
    site.purge(top)
    site.restore(leaf)
    assert leaf.parent_id is None


def test_a_page_moves_to_another_space_with_all_that_is_below_it(site: Site) -> None:
    site.add_space("DEV", "Development")
    top = site.add("OPS", "Top")
    leaf = site.add("OPS", "Leaf", parent=top)
    site.move_space(top, "DEV")
    assert site.current("OPS") == []
    assert site.current("DEV") == [top, leaf]
    assert leaf.parent_id == top.id


def test_a_page_cannot_be_moved_below_itself(site: Site) -> None:
    top = site.add("OPS", "Top")
    leaf = site.add("OPS", "Leaf", parent=top)
    with pytest.raises(ValueError, match="below"):
        site.move(top, parent=leaf)


def test_a_removed_space_takes_its_pages_along(site: Site) -> None:
    site.restrict(site.add("OPS", "Secret"))
    site.remove_space("OPS")
    assert site.spaces == {}
    assert site.content == {}


def test_aged_content_was_saved_earlier(site: Site) -> None:
    page = site.add("OPS", "Page")
    site.age_all(hours=48)
    assert site.clock.now() - page.version.created_at == timedelta(hours=48)
    assert page.created_at == page.version.created_at


def test_current_pages_leave_out_drafts_archived_trashed_and_deleted_ones(site: Site) -> None:
    kept = site.add("OPS", "Kept")
    for change in (site.archive, site.trash, site.delete, site.draft, site.purge):
        change(site.add("OPS", "Gone"))
    site.add("OPS", "A folder", type="folder")
    assert site.current() == [kept]
