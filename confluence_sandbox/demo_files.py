"""The files on the bundled site's pages, made from what ``files.json`` says is in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from confluence_sandbox.clock import parse_stamp
from confluence_sandbox.documents import (
    Block,
    Sheet,
    Slide,
    docx_document,
    pdf_document,
    png_chart,
    png_words,
    pptx_document,
    scanned_pdf,
    words_in_grey,
    xlsx_document,
)
from confluence_sandbox.site import Site

Plan = Mapping[str, Any]


def add_file(site: Site, plan: Plan, people: Mapping[str, str]) -> None:
    """Add one file, or a new version where the page has one of this name."""
    file = site.attach_file(
        plan["page"],
        plan["filename"],
        made_bytes(plan),
        media_type=plan["media_type"],
        comment=plan.get("comment", ""),
        author=people[plan["author"]],
        id=plan["id"],
        created_at=parse_stamp(plan["created"]),
    )
    if "labels" in plan:
        site.relabel(file, plan["labels"])


def made_bytes(plan: Plan) -> bytes:
    """What is in a file. ``ValueError`` if the plan does not say."""
    for kind, make in _MAKERS.items():
        if kind in plan:
            return make(plan)
    raise ValueError(f"{plan['filename']}: nothing says what is in it")


def _text(plan: Plan) -> bytes:
    return "".join(f"{line}\n" for line in plan["text"]).encode()


def _pdf(plan: Plan) -> bytes:
    pages = [[Block(**block) for block in page] for page in plan["pdf"]]
    return pdf_document(pages, password=plan.get("password", ""))


_MAKERS: dict[str, Callable[[Plan], bytes]] = {
    "text": _text,
    "pdf": _pdf,
    "scan": lambda plan: scanned_pdf(*words_in_grey(plan["scan"])),
    "docx": lambda plan: docx_document([Block(**block) for block in plan["docx"]]),
    "xlsx": lambda plan: xlsx_document([Sheet(**sheet) for sheet in plan["xlsx"]]),
    "pptx": lambda plan: pptx_document([Slide(**slide) for slide in plan["pptx"]]),
    "chart": lambda plan: png_chart(plan["chart"]),
    "words": lambda plan: png_words(plan["words"]),
}
