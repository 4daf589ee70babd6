"""What every store promises, tried over every store. Where one declares that it cannot, the
declaration is tried."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from confluence_mirror.errors import StoreUnavailable, WrongSettings
from confluence_mirror.model import Chunk, Metadata
from confluence_mirror.stores.base import Capabilities, Collection, Store, StoredRow
from tests.stores.homes import Home
from tests.stores.words import SITE, chunk, ready, ref

TEXTS = {
    "emoji": "Flags 🇩🇪 and families 👩‍👩‍👧‍👦, a pile 💩",
    "four bytes": "𠜎 𠜱 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 and 日本語の文章",
    "newlines": "\n\nfirst\n\n\n  indented\t tab \r\nsecond \n ",
    "code": "```python\nif a < b:\n\treturn '\\n' + \"%s\" % x\n```\n| a | b |\n|---|---|\n| \\| | {} |",
    "quotes": 'O\'Brien said "no"; DROP TABLE data_x; -- %s {table} $1 \\ \u2028 end',
    "model marks": "A page about <|endoftext|> and <|im_start|> marks",
    "combining": "e\u0301 is not é, \u200b zero width, \ufeff mark",
}


def test_a_collection_that_is_not_there_is_not_found_and_looking_for_it_makes_nothing(
    store, can, name
):
    assert store.find_collection(name) is None
    assert store.find_collection(name) is None
    assert store.find_collection("vs_00000000-0000-4000-8000-000000000000") is None


def test_a_collection_is_found_again_by_name_and_by_id_by_another_run(
    home: Home, store, can, collection
):
    other = home.open()
    other.connect()
    by_name, by_id = other.find_collection(collection.name), other.find_collection(collection.id)
    other.close()
    assert by_name is not None
    assert by_id is not None
    assert {by_name.id, by_id.id} == {collection.id}
    assert by_name.name == collection.name


def test_an_empty_collection_holds_no_data_and_one_with_a_chunk_does(store, can, collection):
    assert store.holds_data(collection) is False
    store.write_chunks(collection, [chunk(1, "One chunk is enough", can)], {})
    assert store.holds_data(collection) is True


@pytest.mark.parametrize("kind", TEXTS)
def test_text_and_metadata_come_back_as_they_were_written(home: Home, store, can, collection, kind):
    other = chunk(2, "Something else altogether", can)
    one = chunk(1, TEXTS[kind], can)
    result = store.write_chunks(collection, [one, other], {})
    assert set(result.written) == {one.id, other.id}
    text, metadata = read(store, can, collection, one)
    assert text == home.as_stored(one.text)
    assert metadata == one.metadata
    assert all(type(metadata[key]) is type(value) for key, value in one.metadata.items())


def test_the_longest_text_that_the_store_declares_comes_back_whole(
    home: Home, store, can, collection
):
    text = " ".join(f"word{number}" for number in range(home.longest // 6))[: home.longest]
    one = chunk(1, text, can)
    assert set(store.write_chunks(collection, [one], {}).written) == {one.id}
    assert read(store, can, collection, one)[0] == home.as_stored(text)


def test_writing_a_chunk_again_replaces_it_where_that_is_declared_and_appends_where_not(
    store, can, collection
):
    one = chunk(1, "Restart the pump twice", can)
    first = store.write_chunks(collection, [one], {})
    store.write_chunks(collection, [one], {one.id: first.written[one.id]})
    copies = found(store, can, collection, one)
    assert len(copies) == (1 if can.replaces or first.written[one.id] else 2)


def test_a_chunk_whose_metadata_changed_shows_the_new_metadata_once(store, can, collection):
    before = chunk(1, "Restart the pump", can)
    after = chunk(1, "Restart the pump", can, labels="pump", version=8, title="Renamed")
    first = store.write_chunks(collection, [before], {})
    if not can.replaces and not first.written[before.id]:
        pytest.skip("declared: this store only appends")
    store.write_chunks(collection, [after], {after.id: first.written[before.id]})
    [(_, metadata)] = found(store, can, collection, after)
    assert metadata == after.metadata


def test_metadata_is_updated_without_embedding_where_that_is_declared(store, can, collection):
    one, absent = chunk(1, "Restart the pump", can), chunk(9, "Never written", can)
    moved = chunk(1, "Restart the pump", can, breadcrumb="Elsewhere", chunk_index=4)
    store.write_chunks(collection, [one], {})
    if not can.updates_metadata:
        with pytest.raises(WrongSettings):
            store.update_metadata(collection, [moved])
        return
    store.update_metadata(collection, [moved, absent])
    assert [(row.text, row.metadata) for row in store.list_rows(collection)] == [
        (one.text, moved.metadata)
    ]


def test_removed_chunks_are_gone_others_stay_and_absent_ones_are_no_error(store, can, collection):
    chunks = [chunk(number, f"Paragraph {number} of the runbook", can) for number in range(6)]
    written = store.write_chunks(collection, chunks, {}).written
    leaving = [ref(one, written[one.id]) for one in chunks[:3]]
    if not can.deletes:
        with pytest.raises(WrongSettings):
            store.remove_chunks(collection, leaving)
        assert found(store, can, collection, chunks[0])
        return
    store.remove_chunks(collection, leaving)
    store.remove_chunks(collection, leaving)
    assert [bool(found(store, can, collection, one)) for one in chunks] == [False] * 3 + [True] * 3


def test_a_listing_gives_every_row_once_and_the_count_agrees(store, can, collection):
    chunks = [chunk(number, f"Paragraph {number}", can) for number in range(30)]
    store.write_chunks(collection, chunks, {})
    if not can.lists:
        assert store.count_rows(collection) is None
        return
    rows = list(store.list_rows(collection))
    assert sorted(row.chunk_id for row in rows) == sorted(one.id for one in chunks)
    assert {(row.site_id, row.page_id) for row in rows} == {(SITE, one.page_id) for one in chunks}
    assert store.count_rows(collection) == 30


def test_a_batch_of_which_half_was_applied_is_whole_after_writing_it_again(
    home: Home, store, can, collection
):
    chunks = [chunk(number, f"Paragraph {number}", can) for number in range(20)]
    interrupted = home.open()
    ready(interrupted)
    there = interrupted.write_chunks(collection, chunks[:10], {}).written
    interrupted.close()
    if not can.replaces and not there[chunks[0].id]:
        pytest.skip("declared: this store only appends")
    store.write_chunks(collection, chunks, there)
    assert all(len(found(store, can, collection, one)) == 1 for one in chunks)


@pytest.mark.long
def test_many_chunks_are_all_there(home: Home, store, can, collection):
    chunks = [
        chunk(number, f"Paragraph number{number} of a long handbook", can)
        for number in range(home.many)
    ]
    for start in range(0, len(chunks), 500):
        part = chunks[start : start + 500]
        assert set(store.write_chunks(collection, part, {}).written) == {one.id for one in part}
    if can.lists:
        assert sorted(row.chunk_id for row in store.list_rows(collection)) == sorted(
            one.id for one in chunks
        )
    for one in (chunks[0], chunks[-1]):
        assert found(store, can, collection, one)


def test_two_collections_side_by_side_do_not_see_each_other(store, can, collection, name):
    other = store.create_collection(f"{name}-beside")
    one, two = chunk(1, "In the first collection", can), chunk(2, "In the second collection", can)
    store.write_chunks(collection, [one], {})
    store.write_chunks(other, [two], {})
    assert found(store, can, collection, one)
    assert not found(store, can, collection, two)
    if can.drops_collections:
        store.drop_collection(other)
        store.drop_collection(other)
        assert store.find_collection(other.id) is None
    assert found(store, can, collection, one)


def test_rows_of_others_are_left_alone_and_told_from_ours(home: Home, store, can, collection):
    home.add_foreign(collection)
    chunks = [chunk(number, f"Paragraph {number}", can) for number in range(3)]
    written = store.write_chunks(collection, chunks, {}).written
    if can.deletes:
        store.remove_chunks(collection, [ref(one, written[one.id]) for one in chunks])
    assert home.has_foreign(collection)
    if can.lists:
        assert [
            (row.chunk_id, row.site_id) for row in store.list_rows(collection) if not row.page_id
        ] == [("", "")]


def test_a_collection_of_another_embedding_model_is_refused(home: Home, store, can, collection):
    other = home.other_model()
    other.connect()
    with pytest.raises(WrongSettings, match="another-model"):
        other.find_collection(collection.name)
    other.close()


def test_a_model_that_the_server_does_not_have_is_told_and_nothing_is_made(
    home: Home, store, can, name
):
    if home.unknown_model is None:
        pytest.skip("vectors are ours here, or the server takes any name")
    other = home.unknown_model()
    other.connect()
    with pytest.raises(WrongSettings, match="no-such-model"):
        other.create_collection(name)
    other.close()
    assert store.find_collection(name) is None


def test_a_server_that_goes_and_comes_back_is_told_in_one_line_and_has_lost_nothing(
    home: Home, store, can, collection
):
    if home.down is None:
        pytest.skip("this store has no server")
    before, after = (
        chunk(1, "Written before it went", can),
        chunk(2, "Written after it came back", can),
    )
    written = store.write_chunks(collection, [before], {}).written
    asked: list[Callable[[], object]] = [
        lambda: store.holds_data(collection),
        lambda: store.search(collection, "before", 3),
        lambda: store.write_chunks(collection, [after], {}),
    ]
    if can.deletes:
        asked.append(lambda: store.remove_chunks(collection, [ref(before, written[before.id])]))
    if can.lists:
        asked.append(lambda: list(store.list_rows(collection)))
    with home.down():
        for ask in asked:
            with pytest.raises(StoreUnavailable) as caught:
                ask()
            assert "\n" not in str(caught.value)
    store.write_chunks(collection, [after], {})
    assert len(found(store, can, collection, before)) == 1
    assert len(found(store, can, collection, after)) == 1


def test_a_store_that_is_not_there_is_one_line_without_a_secret(home: Home):
    if home.unreachable is None:
        pytest.skip("this store has no address")
    store = home.unreachable()
    with pytest.raises(StoreUnavailable) as caught:
        store.connect()
    store.close()
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "127.0.0.1:1" in str(caught.value)
    assert "s3cret" not in store.location


def test_one_text_that_cannot_be_stored_does_not_keep_the_others_out(
    home: Home, store, can, collection
):
    if home.takes_half_characters:
        pytest.skip("this store takes any text")
    sound = [chunk(number, f"Paragraph {number}", can) for number in range(8)]
    broken = chunk(99, "half a character: \ud83d", can)
    result = store.write_chunks(collection, [*sound[:5], broken, *sound[5:]], {})
    assert set(result.written) == {one.id for one in sound}
    assert set(result.rejected) == {broken.id}
    assert all(found(store, can, collection, one) for one in sound)


def test_chunks_in_doubt_are_settled_as_the_store_declares(store, can, collection):
    there, absent = chunk(1, "This one was written", can), chunk(2, "This one was not", can)
    own_id = store.write_chunks(collection, [there], {}).written[there.id]
    answer = store.settle_writes(collection, [ref(there), ref(absent)])
    if can.replaces and can.deletes:
        assert answer in ({}, {there.id: own_id})
    else:
        assert answer.get(there.id, "absent") in (own_id, None)
        assert answer.get(absent.id) is None
    assert len(found(store, can, collection, there)) == 1


def test_nothing_to_write_or_to_remove_is_no_error(store, can, collection):
    assert not store.write_chunks(collection, [], {}).written
    if can.deletes:
        store.remove_chunks(collection, [])
    assert dict(store.settle_writes(collection, [])) == {}


def read(
    store: Store, can: Capabilities, collection: Collection, one: Chunk
) -> tuple[str, Metadata]:
    [only] = found(store, can, collection, one)
    return only


def found(
    store: Store, can: Capabilities, collection: Collection, one: Chunk
) -> list[tuple[str, Metadata]]:
    """Every copy of a chunk: from a listing, else among the nearest to its own text.

    Where a listing gives names alone (Llama Stack), it and the nearest must agree.
    """
    rows = (
        [row for row in store.list_rows(collection) if row.chunk_id == one.id] if can.lists else []
    )
    if can.lists and all(row.text is not None for row in rows):
        return [_shown(row) for row in rows]
    hits = store.search(collection, f"{one.text}\n\nmore", 50)
    near = [hit for hit in hits if hit.metadata.get("chunk_id") == one.id]
    assert not can.lists or len(near) == len(rows)
    # ``chunk_id`` is shown even where the core of the metadata, which is kept, is without it.
    return [
        (hit.text, {k: v for k, v in hit.metadata.items() if k in one.metadata}) for hit in near
    ]


def _shown(row: StoredRow) -> tuple[str, Metadata]:
    assert row.text is not None
    assert row.metadata is not None
    return row.text, row.metadata
