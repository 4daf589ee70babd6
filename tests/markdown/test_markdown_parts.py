"""The other public functions, the program, and the documentation."""

from __future__ import annotations

import io
from pathlib import Path

import markdown_docs
import pytest

from confluence_mirror.markdown import CONVERTER_REVISION, NoResolver, account_ids, convert
from confluence_mirror.markdown.__main__ import main


def test_the_account_ids_that_a_body_mentions() -> None:
    body = (
        '<ri:user ri:account-id="712020:a-b" ri:local-id="x"/>'
        "<ri:user ri:account-id='u-2'/><ri:user ri:userkey='k'/><ri:user/>"
    )
    assert account_ids(body) == {"712020:a-b", "u-2"}
    assert account_ids("<p>ri:account-id</p>") == set()


def test_a_resolver_that_knows_nothing_is_the_default() -> None:
    body = '<p><ri:user ri:account-id="u"/></p>'
    assert convert(body) == convert(body, resolver=NoResolver())


def test_a_resolver_is_asked_for_what_stands_in_the_body() -> None:
    asked: list[object] = []

    class Noting(NoResolver):
        def page_url(self, space_key: str | None, title: str) -> str | None:
            asked.append((space_key, title))
            return None

        def attachment_url(
            self, filename: str, page_title: str | None, space_key: str | None
        ) -> str | None:
            asked.append((filename, page_title, space_key))
            return None

    convert(
        '<ac:link><ri:page ri:content-title="A &amp; B"/></ac:link>'
        '<ac:link><ri:page ri:space-key="K" ri:content-title="C"/></ac:link>'
        '<ac:image><ri:attachment ri:filename="f.png"><ri:page ri:space-key="K" ri:content-title="D"/></ri:attachment>'
        "</ac:image>",
        resolver=Noting(),
    )
    assert asked == [(None, "A & B"), ("K", "C"), ("f.png", "D", "K")]


def test_names_from_the_resolver_are_text() -> None:
    class Odd(NoResolver):
        def user(self, account_id: str) -> str | None:
            return "A_b_ *c* [d](e)"

    assert (
        convert('<p><ri:user ri:account-id="u"/></p>', resolver=Odd()).markdown
        == "@A_b\\_ \\*c\\* [d\\](e)\n"
    )


def test_the_macros_that_were_met_are_named_once_and_sorted() -> None:
    macro = '<ac:structured-macro ac:name="{}"/>'
    assert convert("".join(map(macro.format, ["toc", "Info", "anchor", "toc"]))).macros == (
        "Info",
        "anchor",
        "toc",
    )


def test_the_revision_is_a_positive_number() -> None:
    assert CONVERTER_REVISION >= 1


def test_the_program_prints_the_markdown_of_a_file(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "body.xml"
    file.write_text("<h1>Ä</h1>", encoding="utf-8")
    assert main([str(file)]) == 0
    captured = capsysbinary.readouterr()
    assert captured.out == "# Ä\n".encode()
    assert captured.err == b""


def test_the_program_reads_standard_input_and_reports(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    body = '<p>a<ac:structured-macro ac:name="toc"/>'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(body.encode())))
    assert main(["-", "--report"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "a\n"
    assert captured.err.splitlines() == ["way: html", "macros: toc", "notes: none"]


def test_the_program_says_in_one_line_that_a_file_cannot_be_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["/nowhere/body.xml"]) == 66
    assert (
        capsys.readouterr().err == "/nowhere/body.xml cannot be read: No such file or directory\n"
    )


def test_the_documentation_shows_what_the_cases_hold() -> None:
    assert markdown_docs.PATH.read_text(encoding="utf-8") == markdown_docs.written()
