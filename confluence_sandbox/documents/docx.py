"""Word files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from confluence_sandbox.documents.blocks import Block
from confluence_sandbox.documents.package import packed, relations

_NAMES = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_STYLES = (
    f'<w:styles {_NAMES}><w:style w:type="paragraph" w:styleId="Heading1"><w:name'
    ' w:val="heading 1"/></w:style><w:style w:type="paragraph" w:styleId="ListBullet"><w:name'
    ' w:val="List Bullet"/></w:style></w:styles>'
)
_NUMBERING = (
    f'<w:numbering {_NAMES}><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:numFmt'
    ' w:val="bullet"/></w:lvl></w:abstractNum><w:num w:numId="1"><w:abstractNumId'
    ' w:val="0"/></w:num></w:numbering>'
)


def docx_document(blocks: Sequence[Block]) -> bytes:
    """A Word file of headings, paragraphs, lists and tables."""
    body = "".join(_written(blocks))
    parts = {
        "word/document.xml": f"<w:document {_NAMES}><w:body>{body}</w:body></w:document>",
        "word/styles.xml": _STYLES,
        "word/numbering.xml": _NUMBERING,
        "word/_rels/document.xml.rels": relations(
            [("styles", "styles.xml"), ("numbering", "numbering.xml")]
        ),
    }
    kinds = {
        "word/document.xml": "wordprocessingml.document.main+xml",
        "word/styles.xml": "wordprocessingml.styles+xml",
        "word/numbering.xml": "wordprocessingml.numbering+xml",
    }
    return packed("word/document.xml", parts, kinds)


def _written(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        if block.heading:
            yield _paragraph(block.heading, '<w:pStyle w:val="Heading1"/>')
        if block.text:
            yield _paragraph(block.text)
        for item in block.items:
            numbered = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
            yield _paragraph(item, f'<w:pStyle w:val="ListBullet"/>{numbered}')
        if block.table:
            rows = "".join(
                f"<w:tr>{''.join(f'<w:tc>{_paragraph(cell)}</w:tc>' for cell in row)}</w:tr>"
                for row in block.table
            )
            yield f"<w:tbl>{rows}</w:tbl>"


def _paragraph(text: str, properties: str = "") -> str:
    run = f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'
    return f"<w:p><w:pPr>{properties}</w:pPr>{run}</w:p>"
