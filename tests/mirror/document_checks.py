"""Whether a tree of documents is what a sample site shows."""

from __future__ import annotations

from pathlib import Path

import yaml

from confluence_mirror.document_store.paths import (
    name_files,
    name_siblings,
    page_path,
    path_of_file,
    safe_name,
)
from confluence_sandbox import Site
from tests.mirror.harness import Bench


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def expected_paths(site: Site) -> dict[str, str]:
    """Id → path, worked out from the whole site."""
    shown = {
        each.id: each
        for each in site.content.values()
        if each.status == "current" and not each.restricted
    }
    found = {}
    for page in shown.values():
        if page.type not in ("page", "blogpost"):
            continue
        chain = [page]
        while chain[0].parent_id in shown:
            chain.insert(0, shown[chain[0].parent_id])
        names = []
        for each in chain:
            parent = each.parent_id if each.parent_id in shown else None
            beside = {
                other.id: other.title
                for other in shown.values()
                if (other.parent_id if other.parent_id in shown else None) == parent
                and other.space_id == each.space_id
            }
            names.append(name_siblings(beside)[each.id])
        key = next(space.key for space in site.spaces.values() if space.id == page.space_id)
        found[page.id] = page_path("/".join([safe_name(key), *names]))
    return found


def expected_files(site: Site) -> dict[str, bytes]:
    """Path → bytes, worked out from the whole site."""
    found = {}
    for page_id, path in expected_paths(site).items():
        held = [each for each in site.files.values() if each.container_id == page_id]
        current = {each.id: each for each in held if each.status == "current"}
        for file_id, name in name_files({key: each.title for key, each in current.items()}).items():
            found[path_of_file(path, name)] = current[file_id].newest.data
    return found


def check_tree(bench: Bench, folder: Path, others: dict[str, bytes] | None = None) -> None:
    """The tree is exactly what the site shows, beside files of others; no folder is empty."""
    check_files(bench, files(folder), others)
    assert all(any(each.iterdir()) for each in folder.rglob("*") if each.is_dir())


def check_files(
    bench: Bench, found: dict[str, bytes], others: dict[str, bytes] | None = None
) -> None:
    """These files (by path) are the documents of the site, and those of others."""
    for path, content in (others or {}).items():
        assert found.pop(path) == content
    attached = {path: found.pop(path) for path in sorted(found) if "/attachments/" in path}
    holds_files = "attachment" in bench.wanted.children
    assert attached == (expected_files(bench.site) if holds_files else {})
    wanted = expected_paths(bench.site)
    assert sorted(found) == sorted(wanted.values())
    for page_id, path in wanted.items():
        head, _, text = found[path].decode().removeprefix("---\n").partition("\n---\n")
        about, page = yaml.safe_load(head), bench.site.get(page_id)
        assert (about["page_id"], about["title"]) == (page_id, page.title)
        assert about["version"] == page.version.number
        assert about["breadcrumb"].split(" > ")[-1] == (
            bench.site.get(page.parent_id).title if page.parent_id else ""
        )
        for heading in page.body.split("<h2>")[1:]:
            assert f"## {heading.partition('</h2>')[0]}\n" in text
