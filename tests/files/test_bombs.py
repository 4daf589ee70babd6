"""Files made to exhaust whoever reads them cost one line; and no bytes are an exception."""

from __future__ import annotations

import os
import select
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confluence_mirror.files import Limits, read_file
from confluence_mirror.files.kinds import KINDS
from confluence_mirror.files.worker import answer
from confluence_mirror.model import FileText
from tests.files import made

LAUGHS = (
    '<!DOCTYPE a [<!ENTITY l0 "ha">'
    + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    + "]>"
)
SUFFIXES = {
    "sheets": "xlsx",
    "slides": "pptx",
    "text": "txt",
    "markdown": "md",
    "image": "png",
}
SHORT = Limits(seconds=3)


def exponential_pdf() -> bytes:
    """Forms that draw the next one ten times, ten levels deep."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /XObject << /F 5 0 R >> >> >>",
        b"<< /Length 5 >>\nstream\n/F Do\nendstream",
    ]
    for level in range(12):
        body = b"/F Do " * 10
        objects.append(
            b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Length %d"
            b" /Resources << /XObject << /F %d 0 R >> >> >>\nstream\n%s\nendstream"
            % (len(body), level + 6, body)
        )
    objects.append(b"<< /Length 0 >>\nstream\n\nendstream")
    return made.joined_pdf(objects)


def deflated_pdf() -> bytes:
    """A page of 700 MB of white space, packed twice."""
    data = zlib.compress(zlib.compress(b" " * 70_000_000) * 10)
    return made.joined_pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
            b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n%s\nendstream"
            % (len(data), data),
        ]
    )


def endless_pdf() -> bytes:
    """A million pages, each of them the same."""
    page = made.stream_of([(50, 700, "All work and no play")])
    return made.pdf_of([page], kids="5 0 R " * 1_000_000, count=1_000_000)


BOMBS: dict[str, Callable[[], bytes]] = {
    "zip.docx": lambda: made.docx(made.paragraph(" " * 160_000_000)),
    "parts.docx": lambda: made.docx("<w:p/>" * 5_000_000),
    "entities.docx": lambda: made.docx(made.paragraph("&l9;"), prologue=LAUGHS),
    "entities.pptx": lambda: made.pptx([(made.shape("&l9;"), "")], prologue=LAUGHS),
    "million.xlsx": lambda: made.xlsx_of({"S": f"<row>{'<c><v>1</v></c>' * 1000}</row>" * 1001}),
    "corners.xlsx": lambda: made.xlsx_of(
        {
            "S": '<row r="1"><c r="A1"><v>1</v></c></row>'
            '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        }
    ),
    "endless.pdf": endless_pdf,
    "exponential.pdf": exponential_pdf,
    "deflated.pdf": deflated_pdf,
    "long.txt": lambda: b"word " * 2_100_000,
    "deep.html": lambda: b"<div>" * 5_000_000 + b"text",
    "nested.json": lambda: b"[" * 12_000_000,
    "wide.csv": lambda: b"," * 1_500_000,
}


@pytest.mark.long
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(BOMBS[name]())
    found = read_file(path, filename=name, media_type="", limits=SHORT)
    assert found.unreadable
    assert found.reason
    assert "\n" not in found.reason


def test_a_document_cannot_show_what_is_outside_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    prologue = f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}">]>'
    for name, data in (
        ("a.docx", made.docx(made.paragraph("&x;Text"), prologue=prologue)),
        ("a.pptx", made.pptx([(made.shape("&x;Text"), "")], prologue=prologue)),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        found = read_file(path, filename=name, media_type="")
        assert "hunter2" not in repr(found)


def test_too_little_memory_and_too_much_text_are_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"word " * 1_800_000)
    small = read_file(path, filename="a.md", media_type="", limits=Limits(memory=30_000_000))
    assert "memory" in small.reason
    assert small.unreadable
    short = read_file(path, filename="a.md", media_type="", limits=Limits(output=1_000_000))
    assert short == FileText(reason="it has more than 1 MB of text", unreadable=True)


def test_what_the_reader_has_started_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "tesseract"
    program.write_text(
        f"#!/bin/sh\necho $$ > {tmp_path}/new && mv {tmp_path}/new {tmp_path}/pid\nexec sleep 600\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "a.png"
    path.write_bytes(b"picture")
    started: list[int] = []

    def stop() -> None:
        if (tmp_path / "pid").exists():
            started.append(os.pidfd_open(int((tmp_path / "pid").read_text())))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_file(path, filename="a.png", media_type="", check=stop)
    ended, _, _ = select.select(started, [], [], 30)
    assert ended == started


def test_a_file_has_no_more_than_its_time(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"text")
    found = read_file(path, filename="a.txt", media_type="", limits=Limits(seconds=0))
    assert found == FileText(reason="reading it takes more than 0 seconds", unreadable=True)


def test_the_reader_has_its_limits_and_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFLUENCE_API_TOKEN", "hunter2")
    program = tmp_path / "tesseract"
    program.write_text("#!/bin/sh\necho cpu $(ulimit -t) core $(ulimit -c)\nenv\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "a.png"
    path.write_bytes(b"picture")
    found = read_file(path, filename="a.png", media_type="")
    assert "cpu 60 core 0" in found.sections[0].text
    assert "PATH=" in found.sections[0].text
    assert "hunter2" not in repr(found)


SEEDS = {
    "pdf": made.pdf([[(50, 700, "One"), (200, 700, "Two"), (50, 600, "Three")]]),
    "docx": made.docx(made.paragraph("Text") + made.word_table([["a", "b"]])),
    "sheets": made.xlsx({"S": [["a", 1.0]]}),
    "slides": made.pptx([(made.shape("a", "title"), made.shape("b"))]),
    "html": b"<table><tr><td>a</td></tr></table>",
    "csv": b'a,"b\n',
    "json": b'{"a": 1}',
}


@given(
    kind=st.sampled_from(sorted(KINDS - {"image"})),
    data=st.binary(max_size=200),
    place=st.floats(0, 1),
    cut=st.booleans(),
)
@settings(max_examples=150)
def test_any_bytes_as_any_kind_are_text_or_one_line_that_says_why(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: bytes, place: float, cut: bool
) -> None:
    """Also of a good file of its kind with these bytes somewhere in it, or in place of its rest."""
    seed = SEEDS.get(kind, b"some text")
    at = int(place * len(seed))
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(seed[:at] + data + (b"" if cut else seed[at + len(data) :]))
    found = answer({"path": str(path), "kind": kind, "languages": "eng", "output": 10_000})
    if "reason" in found:
        assert "\n" not in str(found["reason"])
        assert 0 < len(str(found["reason"])) <= 300
    else:
        assert found["sections"]
