"""PowerPoint files: slides with a title, text, a table and notes, over an empty master."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from confluence_sandbox.documents.package import packed, relations

_NAMES = (
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
_TREE = '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
_MAP = (
    '<p:clrMap bg1="lt1" tx1="dk1" bg2="lt2" tx2="dk2" accent1="accent1" accent2="accent2"'
    ' accent3="accent3" accent4="accent4" accent5="accent5" accent6="accent6" hlink="hlink"'
    ' folHlink="folHlink"/>'
)


@dataclass(frozen=True)
class Slide:
    """One slide."""

    title: str
    lines: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()
    notes: str = ""


def pptx_document(slides: Sequence[Slide]) -> bytes:
    """A presentation."""
    numbers = range(1, len(slides) + 1)
    listed = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n + 1}"/>' for n in numbers)
    targets = [("slide", f"slides/slide{number}.xml") for number in numbers]
    parts = {
        "ppt/presentation.xml": (
            f'<p:presentation {_NAMES}><p:sldMasterIdLst><p:sldMasterId id="2147483648"'
            f' r:id="rId1"/></p:sldMasterIdLst><p:sldIdLst>{listed}</p:sldIdLst>'
            '<p:sldSz cx="9144000" cy="6858000"/><p:notesSz cx="6858000" cy="9144000"/>'
            "</p:presentation>"
        ),
        "ppt/_rels/presentation.xml.rels": relations(
            [("slideMaster", "slideMasters/slideMaster1.xml"), *targets]
        ),
        "ppt/slideMasters/slideMaster1.xml": _part("sldMaster", "", _MAP),
        "ppt/slideMasters/_rels/slideMaster1.xml.rels": relations(
            [("slideLayout", "../slideLayouts/slideLayout1.xml")]
        ),
        "ppt/slideLayouts/slideLayout1.xml": _part("sldLayout", ""),
        "ppt/slideLayouts/_rels/slideLayout1.xml.rels": relations(
            [("slideMaster", "../slideMasters/slideMaster1.xml")]
        ),
    }
    kinds = {
        "ppt/presentation.xml": "presentationml.presentation.main+xml",
        "ppt/slideMasters/slideMaster1.xml": "presentationml.slideMaster+xml",
        "ppt/slideLayouts/slideLayout1.xml": "presentationml.slideLayout+xml",
    }
    for number, slide in zip(numbers, slides, strict=True):
        _add_slide(parts, kinds, number, slide)
    return packed("ppt/presentation.xml", parts, kinds)


def _add_slide(parts: dict[str, str], kinds: dict[str, str], number: int, slide: Slide) -> None:
    name = f"ppt/slides/slide{number}.xml"
    shapes = _shape(2, "title", [slide.title])
    shapes += _shape(3, "body", slide.lines) if slide.lines else ""
    shapes += _table(slide.table) if slide.table else ""
    parts[name] = _part("sld", shapes)
    kinds[name] = "presentationml.slide+xml"
    above = [("slideLayout", "../slideLayouts/slideLayout1.xml")]
    if slide.notes:
        notes = f"ppt/notesSlides/notesSlide{number}.xml"
        parts[notes] = _part("notes", _shape(2, "body", [slide.notes]))
        kinds[notes] = "presentationml.notesSlide+xml"
        parts[f"ppt/notesSlides/_rels/notesSlide{number}.xml.rels"] = relations(
            [("slide", f"../slides/slide{number}.xml")]
        )
        above.append(("notesSlide", f"../notesSlides/notesSlide{number}.xml"))
    parts[f"ppt/slides/_rels/slide{number}.xml.rels"] = relations(above)


def _part(kind: str, shapes: str, after: str = "") -> str:
    tree = f"<p:cSld><p:spTree>{_TREE}{shapes}</p:spTree></p:cSld>"
    return f"<p:{kind} {_NAMES}>{tree}{after}</p:{kind}>"


def _shape(number: int, kind: str, lines: Sequence[str]) -> str:
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="{kind}"/><p:cNvSpPr/><p:nvPr><p:ph'
        f' type="{kind}"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody>{_text(lines)}</p:txBody></p:sp>'
    )


def _text(lines: Sequence[str]) -> str:
    written = "".join(f"<a:p><a:r><a:t>{escape(line)}</a:t></a:r></a:p>" for line in lines)
    return f"<a:bodyPr/>{written}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    grid = '<a:gridCol w="1800000"/>' * len(rows[0])
    made = "".join(
        '<a:tr h="370840">'
        + "".join(f"<a:tc><a:txBody>{_text([cell])}</a:txBody></a:tc>" for cell in row)
        + "</a:tr>"
        for row in rows
    )
    return (
        '<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="4" name="table"/>'
        "<p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr>"
        '<p:xfrm><a:off x="0" y="0"/><a:ext cx="5400000" cy="1800000"/></p:xfrm><a:graphic>'
        '<a:graphicData uri="http://schemas.openxmlformats.org/drawingml/2006/table">'
        f"<a:tbl><a:tblGrid>{grid}</a:tblGrid>{made}</a:tbl></a:graphicData></a:graphic>"
        "</p:graphicFrame>"
    )
