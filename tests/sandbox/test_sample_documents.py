"""The files that the project makes itself: what is in them, read by nothing but their formats."""

from __future__ import annotations

import io
import zipfile
import zlib
from xml.etree import ElementTree

from confluence_sandbox import demo_site
from confluence_sandbox.documents import (
    Block,
    Sheet,
    Slide,
    docx_document,
    pdf_document,
    png_words,
    pptx_document,
    scanned_pdf,
    words_in_grey,
    xlsx_document,
)

KINDS = [
    "pdf",
    "docx",
    "xlsx",
    "pptx",
    "txt",
    "log",
    "md",
    "csv",
    "html",
    "json",
    "yaml",
    "png",
    "svg",
]
TABLE = [["Name", "Price"], ["Disk – 18 TB", "240 €"]]


def parts(package: bytes) -> dict[str, str]:
    """The text of each part of an Office file, each of which must be XML."""
    with zipfile.ZipFile(io.BytesIO(package)) as opened:
        return {
            name: " ".join(ElementTree.fromstring(opened.read(name)).itertext())
            for name in opened.namelist()
        }


def test_a_pdf_holds_its_words_and_says_where_each_object_begins() -> None:
    made = pdf_document([[Block(heading="A (b)"), Block(table=TABLE)], [Block(text="Second")]])
    assert rb"(A \(b\)) Tj" in made
    assert "(240 €) Tj".encode("cp1252") in made
    assert b"/Count 2" in made
    table = made[int(made.rsplit(b"startxref\n", 1)[1].split()[0]) :].splitlines()
    starts = [int(line.split()[0]) for line in table[3:] if line.endswith(b" n ")]
    assert [made[at:].split(b" ", 1)[0] for at in starts] == [
        str(number).encode() for number in range(1, len(starts) + 1)
    ]


def test_an_encrypted_pdf_holds_no_word_in_the_clear() -> None:
    made = pdf_document([[Block(text="Second")]], password="vault")
    assert b"/Encrypt" in made
    assert b"Second" not in made
    assert made != pdf_document([[Block(text="Second")]], password="other")


def test_a_scanned_pdf_is_a_picture() -> None:
    width, height, pixels = words_in_grey(["DRILL 2025"])
    assert len(pixels) == width * height
    made = scanned_pdf(width, height, pixels)
    assert pixels in made
    assert b"Tj" not in made
    packed = png_words(["DRILL 2025"])
    data = packed[packed.index(b"IDAT") + 4 : packed.index(b"IEND") - 8]
    assert len(zlib.decompress(data)) == height * (width + 1)


def test_office_files_hold_what_was_put_in() -> None:
    word = parts(docx_document([Block(heading="Head"), Block(items=["x & y"]), Block(table=TABLE)]))
    assert word["word/document.xml"].split() == [
        "Head",
        "x",
        "&",
        "y",
        "Name",
        "Price",
        "Disk",
        "–",
        "18",
        "TB",
        "240",
        "€",
    ]
    sheets = [Sheet("Prices", [["Disk", 240.5]]), Sheet("Ours", [["secret"]], hidden=True)]
    book = parts(xlsx_document(sheets))
    assert book["xl/worksheets/sheet1.xml"].split() == ["Disk", "240.5"]
    assert book["xl/worksheets/sheet2.xml"] == "secret"
    slides = parts(pptx_document([Slide("One", ["line"], TABLE, "said"), Slide("Two")]))
    assert slides["ppt/slides/slide1.xml"].split()[:2] == ["One", "line"]
    assert slides["ppt/notesSlides/notesSlide1.xml"] == "said"
    assert slides["ppt/slides/slide2.xml"] == "Two"


def test_the_bundled_site_has_files_of_every_kind_and_they_are_small_and_always_the_same() -> None:
    first, second = demo_site(), demo_site()
    data = {file.title: file.newest.data for file in first.files.values()}
    assert data == {file.title: file.newest.data for file in second.files.values()}
    assert {name.rpartition(".")[2] for name in data} == set(KINDS)
    assert data["label-printer.log"] == b""
    assert max(map(len, data.values())) < 200_000
    assert len(first.files["att1310656"].uploads) == 2
