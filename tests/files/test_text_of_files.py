"""The text of a file of each kind, and the reason where there is none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pypdfium2
import pytest

from confluence_mirror.files import kind_of, read_file
from confluence_mirror.files.process import as_text
from confluence_mirror.files.worker import answer
from confluence_mirror.model import FileText, Section
from tests.files import made

Read = Callable[[str, bytes], FileText]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The text of a file of this name with these bytes, by a process of its own."""

    def read_bytes(name: str, data: bytes) -> FileText:
        path = tmp_path / "download"
        path.write_bytes(data)
        return read_file(path, filename=name, media_type="application/octet-stream")

    return read_bytes


@pytest.fixture
def parse(tmp_path: Path) -> Read:
    """The same within this process: quicker, where the process is not what is tried."""

    def parse_bytes(name: str, data: bytes) -> FileText:
        path = tmp_path / "download"
        path.write_bytes(data)
        kind = kind_of(name, "")
        asked = {"path": str(path), "kind": kind, "languages": "eng", "output": 1_000_000}
        return as_text(json.dumps(answer(asked)).encode()) or FileText()

    return parse_bytes


def only(found: FileText) -> str:
    assert found.reason == ""
    assert len(found.sections) == 1
    return found.sections[0].text


def test_a_pdf_gives_a_section_per_page_with_its_number(parse: Read) -> None:
    found = parse("a.pdf", made.pdf([[(50, 700, "One")], [], [(50, 700, "Three")]]))
    assert found.sections == (Section("One", page_number=1), Section("Three", page_number=3))


def test_columns_of_prose_in_a_pdf_are_read_one_after_the_other(parse: Read) -> None:
    prose = "of the many words on it"
    lines = [
        (x, 700 - 12 * row, f"{side} {row} {prose}")
        for row in range(4)
        for x, side in ((320, "right"), (50, "left"))
    ]
    text = only(parse("a.pdf", made.pdf([[(50, 760, "A heading " * 10), *lines]])))
    places = [text.index(f"{side} {row} ") for side in ("left", "right") for row in range(4)]
    assert places == sorted(places)
    assert text.index("A heading") < places[0]


def test_a_table_in_a_pdf_stays_rows_though_it_was_drawn_by_columns(parse: Read) -> None:
    cells = [
        (x, 700 - 14 * row, text)
        for x, column in (
            (50, ["Name", "web", "mail"]),
            (200, ["Port", "443", "25"]),
            (300, ["State", "", "off"]),
        )
        for row, text in enumerate(column)
        if text
    ]
    page = [(50, 730, "The services that we run."), *cells, (50, 640, "That is all of them.")]
    assert only(parse("a.pdf", made.pdf([page]))) == (
        "The services that we run.\n\n"
        "| Name | Port | State |\n| --- | --- | --- |\n"
        "| web | 443 |  |\n| mail | 25 | off |\n\n"
        "That is all of them."
    )


def test_a_cell_of_several_lines_stays_one_cell(parse: Read) -> None:
    page = [
        *((50, 700, "Key"), (200, 700, "Meaning")),
        *((50, 684, "a"), (200, 684, "the first of the"), (200, 672, "letters")),
        *((50, 656, "b"), (200, 656, "the second")),
    ]
    assert only(parse("a.pdf", made.pdf([page]))) == (
        "| Key | Meaning |\n| --- | --- |\n| a | the first of the letters |\n| b | the second |"
    )


def test_a_paragraph_of_a_pdf_is_one_whatever_lines_it_was_set_in(parse: Read) -> None:
    page = [
        (50, 700, "The first line of a paragraph that goes"),
        (50, 688, "on here and ends."),
        (50, 660, "Another one."),
        (50, 640, "• a point"),
    ]
    assert only(parse("a.pdf", made.pdf([page]))) == (
        "The first line of a paragraph that goes on here and ends.\n\nAnother one.\n\n- a point"
    )


def test_a_word_document_keeps_headings_tables_and_text_as_text(parse: Read) -> None:
    body = (
        made.paragraph("Costs", "Heading1")
        + made.paragraph("Not *bold*")
        + made.word_table([["Item", "EUR"], ["Screw", "2"]])
    )
    text = only(parse("a.docx", made.docx(body)))
    assert text.startswith("# Costs\n\nNot \\*bold\\*\n\n|")
    assert "| Screw | 2 |" in text


def test_each_visible_sheet_is_a_table_under_its_name(parse: Read) -> None:
    data = made.xlsx(
        {"Prices": [["Item", "EUR"], ["Screw|x", 1.5]], "Empty": [], "Old": [["secret"]]}, ["Old"]
    )
    assert parse("a.xlsx", data).sections == (
        Section("# Prices\n\n| Item | EUR |\n| --- | --- |\n| Screw\\|x | 1.5 |", sheet="Prices"),
    )


def test_slides_give_titles_text_tables_and_notes_in_the_order_shown(parse: Read) -> None:
    first = (
        made.shape("Points\nMore")
        + made.shape("Plan", "title")
        + made.slide_table([["When", "What"], ["May", "Start"]])
        + made.shape("7", "sldNum")
    )
    data = made.pptx([(first, made.shape("Say hello", "body")), (made.shape("End", "title"), "")])
    assert parse("a.pptx", data).sections == (
        Section(
            "# Plan\n\nPoints\n\nMore\n\n| When | What |\n| --- | --- |\n| May | Start |\n\n"
            "**Notes**\n\nSay hello",
            page_number=1,
        ),
        Section("# End", page_number=2),
    )


TEXTS = {
    "a.txt": (b"# no heading\r\nsecond\r\n\r\nthird", "\\# no heading\\\nsecond\n\nthird"),
    "b.txt": ("Prüfung".encode("cp1252"), "Prüfung"),
    "c.txt": ("Prüfung".encode("utf-16"), "Prüfung"),
    "a.md": (b"\xef\xbb\xbf# Heading\n\n*bold*", "# Heading\n\n*bold*"),
    "a.csv": (b'a;b\n1;"x\ny"\n', "| a | b |\n| --- | --- |\n| 1 | x<br>y |"),
    "a.html": (
        b"<html><head><style>p {}</style></head><body><h1>H</h1><script>a()</script><p>A</p></body>",
        "# H\n\nA\n",
    ),
    "a.json": (b'{"a":[1,"\xc3\xa4"]}', '```json\n{\n "a": [\n  1,\n  "ä"\n ]\n}\n```'),
    "b.json": (b'{"a": ```', '````json\n{"a": ```\n````'),
    "a.yaml": (b"a: &x [1]\nb: *x\n", "```yaml\na: &x [1]\nb: *x\n```"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_files_are_read_as_what_they_are(name: str, parse: Read) -> None:
    data, text = TEXTS[name]
    assert only(parse(name, data)) == text


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
LOCKED = (
    "/Encrypt << /Filter /Standard /V 1 /R 2 /O <{0}> /U <{0}> /P -4 >> /ID [<00> <00>]".format(
        "11" * 32
    )
)
UNREADABLE = {
    "damaged.pdf": (b"%PDF-1.7 and no more", "damaged"),
    "locked.pdf": (made.pdf([[(50, 700, "One")]], trailer=LOCKED), "encrypted"),
    "locked.docx": (OLE, "encrypted"),
    "locked.xlsx": (OLE, "damaged|encrypted"),
    "damaged.docx": (b"PK\x03\x04 and no more", "damaged"),
    "damaged.xlsx": (b"PK\x03\x04 and no more", "damaged"),
    "damaged.pptx": (made.archive({"a": "b"}), "damaged"),
    "blank.docx": (made.docx(""), "no text"),
    "binary.txt": (b"a\0b", "no text"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_should_have_text_and_has_none_is_unreadable_with_one_line_why(
    name: str, parse: Read
) -> None:
    data, reason = UNREADABLE[name]
    found = parse(name, data)
    assert not found.sections
    assert found.unreadable
    assert any(word in found.reason for word in reason.split("|"))
    assert "\n" not in found.reason


def test_an_empty_file_is_unreadable_whatever_it_is(read: Read) -> None:
    assert read("a.pdf", b"") == FileText(reason="it is empty", unreadable=True)


def test_a_file_of_a_kind_without_text_is_not_unreadable(read: Read) -> None:
    for name in ("movie.mp4", "archive.zip", "drawing.drawio", "none"):
        found = read(name, b"\0\1\2")
        assert (found.sections, found.unreadable) == ((), False)
        assert found.reason


def test_the_media_type_decides_where_the_name_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "download"
    path.write_bytes(b"a,b\n1,2\n")
    found = read_file(path, filename="export", media_type="text/csv; charset=utf-8")
    assert only(found) == "| a | b |\n| --- | --- |\n| 1 | 2 |"


@pytest.fixture
def tesseract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name, which says how it was called and what it was given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "tesseract"
    program.write_text('#!/bin/sh\necho "$2 $3 $4"; head -c 2\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return program


IMAGE = b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray"


def scanned_pdf() -> bytes:
    """A page that shows nothing but a picture."""
    return made.pdf_of(
        [b"q 100 0 0 100 100 600 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \x80 EI Q"], compress=False
    )


def test_pictures_and_scanned_pages_are_read_where_there_is_tesseract(
    read: Read, tesseract: Path
) -> None:
    assert only(read("a.png", b"\x89PNG")).startswith("stdout -l eng")
    found = read("a.pdf", scanned_pdf())
    assert found.sections[0].page_number == 1
    assert found.sections[0].text == "stdout -l eng\\\nP5"


def test_pictures_have_no_text_and_no_fault_where_there_is_no_tesseract(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name, data in (("a.png", b"\x89PNG"), ("a.pdf", scanned_pdf())):
        found = read(name, data)
        assert (found.sections, found.unreadable) == ((), False)
        assert "picture" in found.reason


@pytest.mark.skipif(not shutil.which("tesseract"), reason="needs tesseract")
def test_the_real_tesseract_reads_a_picture_within_its_limits(read: Read) -> None:
    page = pypdfium2.PdfDocument(made.pdf([[(50, 700, "The quick brown fox jumps")]]))[0]
    bitmap = page.render(scale=3, grayscale=True)
    rows = bytes(bitmap.buffer)
    lines = (rows[n * bitmap.stride :][: bitmap.width] for n in range(bitmap.height))
    picture = b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + b"".join(lines)
    assert only(read("a.png", picture)) == "The quick brown fox jumps"


def test_without_the_extra_the_reason_names_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(made.docx(made.paragraph("Text")))
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from confluence_mirror.files import worker\n"
        "for name in ('mammoth', 'pypdfium2', 'python_calamine'): sys.modules[name] = None\n"
        "for kind in ('docx', 'pdf', 'sheets'):\n"
        f"    print(worker.answer({{'path': {str(path)!r}, 'kind': kind, 'languages': 'eng',"
        " 'output': 1000}))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.count("pip install '.[files]'") == 3
