"""Labels and names, in bulk, against a gateway that behaves as Confluence Cloud does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from confluence_fakes import MakeSource, space_of

from confluence_mirror.confluence.pages import ConfluenceSource
from confluence_mirror.errors import IncompleteEvidence
from confluence_sandbox import SampleGateway, Site, generated_site


def test_labels_come_in_bulk_by_id_and_from_the_page_itself(
    source: ConfluenceSource, site: Site, sample: SampleGateway
) -> None:
    page = site.add("OPS", "Page", labels=["zeta", "alpha", "my:favourite", "team:ours"])
    blog = site.add("OPS", "Blog", type="blogpost", labels=["news"])
    bare = site.add("OPS", "Bare")
    space = space_of(source, "OPS")
    refs = list(source.list_pages(space))
    expected = {page.id: ("alpha", "ours", "zeta"), blog.id: ("news",), bare.id: ()}
    sample.clear()

    assert dict(source.list_labels("OPS")) == expected
    assert source.labels_of(refs) == expected
    assert sample.counts() == {"GET /wiki/rest/api/content/search": 2}
    assert {ref.id: source.labels_now(ref) for ref in refs} == expected


def test_pages_that_the_index_does_not_know_are_asked_for_their_labels_themselves(
    source: ConfluenceSource, site: Site
) -> None:
    known = site.add("OPS", "Known", labels=["a"])
    site.index.lag = timedelta(hours=1)
    fresh = site.add("OPS", "Fresh", labels=["b"])
    gone = site.add("OPS", "Gone", labels=["c"])
    space = space_of(source, "OPS")
    refs = list(source.list_pages(space))
    site.purge(gone)

    assert dict(source.list_labels("OPS")) == {known.id: ("a",)}
    assert source.labels_of(refs) == {known.id: ("a",), fresh.id: ("b",)}
    with pytest.raises(IncompleteEvidence):
        source.labels_now(next(ref for ref in refs if ref.id == gone.id))


def test_labels_that_the_index_cuts_off_are_read_from_the_page(
    source: ConfluenceSource, site: Site, sample: SampleGateway
) -> None:
    names = [f"label-{number:02d}" for number in range(12)]
    page = site.add("OPS", "Many", labels=names)
    sample.switches.change({"nested_labels": 5})
    space = space_of(source, "OPS")

    assert source.labels_of(list(source.list_pages(space))) == {page.id: tuple(names)}


def test_bearers_of_labels_are_found_among_pages_and_blog_posts_of_the_spaces(
    source: ConfluenceSource, site: Site
) -> None:
    page = site.add("OPS", "Page", labels=["runbook"])
    blog = site.add("OPS", "Blog", type="blogpost", labels=["howto"])
    site.add("OPS", "Other", labels=["my:runbook", "misc"])
    site.add("~712020abc", "Elsewhere", labels=["runbook"])

    borne = source.list_labelled([space_of(source, "OPS")], ["Runbook", "howto", "unused"])

    assert borne == {"Runbook": {page.id}, "howto": {blog.id}, "unused": set()}


def test_where_the_label_listing_is_refused_the_index_answers(
    source: ConfluenceSource, site: Site, sample: SampleGateway
) -> None:
    page = site.add("OPS", "Page", labels=["runbook"])
    sample.fault("/content/labels$", status=410)

    assert source.list_labelled([space_of(source, "OPS")], ["runbook"]) == {"runbook": {page.id}}


def test_names_are_read_in_bulk_and_left_out_where_they_are_hidden(
    source: ConfluenceSource, site: Site, sample: SampleGateway
) -> None:
    people = [site.add_person(f"Person {number}") for number in range(150)]

    names = source.display_names(
        [*(person.account_id for person in people), people[0].account_id, ""]
    )

    assert names == {person.account_id: person.display_name for person in people}
    assert sum(sample.counts().values()) == 2


def test_people_without_a_visible_name_have_an_empty_one(
    source: ConfluenceSource, sample: SampleGateway
) -> None:
    people = [
        {"accountId": "a", "displayName": "Ada", "email": ""},
        {"accountId": "b", "displayName": None, "publicName": "bea"},
        {"accountId": "c", "displayName": None},
        {"accountId": "d", "displayName": " "},
        {"displayName": "nobody"},
        None,
    ]
    sample.fault("/user/bulk", payload={"results": people})

    assert source.display_names(["a", "b", "c", "d"]) == {"a": "Ada", "b": "bea", "c": "", "d": ""}


@pytest.mark.parametrize("answer", [{}, {"results": []}, {"results": None}], ids=str)
def test_an_answer_without_anybody_in_it_says_nothing_of_names(
    answer: dict[str, object], source: ConfluenceSource, sample: SampleGateway
) -> None:
    sample.fault("/user/bulk", payload=answer)

    assert source.display_names(["a", "b"]) == {}


def test_an_account_id_that_confluence_refuses_costs_its_own_name_only(
    source: ConfluenceSource, site: Site, sample: SampleGateway
) -> None:
    people = [site.add_person(f"Person {number}") for number in range(9)]
    sample.fault("/user/bulk", query="odd", status=400)

    names = source.display_names([*(person.account_id for person in people), "an odd id"])

    assert names == {person.account_id: person.display_name for person in people} | {
        "an odd id": ""
    }


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_names_come_another_way_where_one_is_refused_and_none_at_all_is_no_error(
    status: int, source: ConfluenceSource, site: Site, sample: SampleGateway
) -> None:
    person = site.add_person("Ada")
    sample.fault("/rest/api/user/bulk", status=status)
    assert source.display_names([person.account_id]) == {person.account_id: "Ada"}

    sample.fault("/api/v2/users-bulk", status=status)
    assert source.display_names([person.account_id]) == {}


def test_labels_of_a_whole_space_cost_one_request_per_two_hundred_pages(
    make_source: MakeSource,
) -> None:
    site = generated_site(1000, median=100)
    with SampleGateway(site, short_pages=0) as sample:
        labels = dict(make_source(sample).list_labels("GEN"))

    assert len(labels) == 1000
    assert len(sample.log) == 5
