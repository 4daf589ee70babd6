"""Small files of the kinds that people put on pages, the same bytes for the same content."""

from __future__ import annotations

from confluence_sandbox.documents.blocks import Block
from confluence_sandbox.documents.docx import docx_document
from confluence_sandbox.documents.image import png_chart, png_words, words_in_grey
from confluence_sandbox.documents.pdf import pdf_document, scanned_pdf
from confluence_sandbox.documents.pptx import Slide, pptx_document
from confluence_sandbox.documents.xlsx import Sheet, xlsx_document

__all__ = [
    "Block",
    "Sheet",
    "Slide",
    "docx_document",
    "pdf_document",
    "png_chart",
    "png_words",
    "pptx_document",
    "scanned_pdf",
    "words_in_grey",
    "xlsx_document",
]
