"""The log: for people, for machines, and never with a credential."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confluence_mirror import logs

TOKEN = "canary-token-0123"
log = logging.getLogger("confluence_mirror.test")


@pytest.fixture
def configure() -> Iterator[Callable[..., io.StringIO]]:
    """Logging as the program sets it up; afterwards as it was."""
    root, own = logging.getLogger(), logging.getLogger(logs.LOGGER)
    before = (root.handlers[:], root.level, own.level)

    def configure(
        format: str = "text", level: str = "DEBUG", secrets: tuple[str, ...] = (TOKEN,)
    ) -> io.StringIO:
        stream = io.StringIO()
        logs.configure_logging(format, level, stream, secrets)
        return stream

    yield configure
    logging.captureWarnings(False)
    root.handlers[:], root.level = before[0], before[1]
    own.setLevel(before[2])


def test_a_line_for_people_has_the_moment_the_level_and_the_fields(configure):
    stream = configure()
    log.info("plan: %d pages", 12, extra={"space": "DOCS"})
    moment, level, rest = stream.getvalue().strip().split(maxsplit=2)
    assert moment.endswith("Z")
    assert (level, rest) == ("INFO", "plan: 12 pages space=DOCS")


def test_a_line_for_machines_is_one_json_object_that_begins_with_ts_level_event(configure):
    stream = configure("json")
    log.warning("page %s failed", "7001", extra={"attempts": 2, "title": "障害\nx"})
    (line,) = stream.getvalue().splitlines()
    record = json.loads(line)
    assert list(record) == ["ts", "level", "event", "attempts", "title"]
    assert (record["level"], record["event"], record["attempts"]) == (
        "warning",
        "page 7001 failed",
        2,
    )
    assert record["title"] == "障害\nx"


def test_a_traceback_is_part_of_the_object(configure):
    stream = configure("json")
    try:
        raise ValueError("boom")
    except ValueError:
        log.exception("a bug")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["traceback"].endswith("ValueError: boom")


@pytest.mark.parametrize("format", ["text", "json"])
def test_no_line_holds_a_secret_wherever_it_came_from(format, configure):
    stream = configure(format)
    log.info(f"in the text {TOKEN}")
    log.info("in an argument %s", TOKEN)
    log.info("in a field", extra={"url": f"http://u:{TOKEN}@host"})
    try:
        raise RuntimeError(f"in an exception {TOKEN}")
    except RuntimeError:
        log.exception("in a traceback")
    logging.getLogger("somebody.else").warning("in a library's warning %s", TOKEN)
    assert stream.getvalue().count("***") == 5
    assert TOKEN not in stream.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(min_size=4, max_size=12), min_size=1, max_size=4),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_the_mask_leaves_no_secret_in_a_text(secrets, before, after):
    masked = logs.Mask(secrets)(before + "".join(secrets) + after)
    for secret in secrets:
        assert secret not in masked or secret in "***" * 10


@pytest.mark.parametrize("format", ["text", "json"])
def test_foreign_text_forges_no_line_and_breaks_no_stream(format, configure, monkeypatch):
    stream = configure(format)
    # pytest's own capture keeps the half character, which its workers cannot send to one another.
    root = logging.getLogger()
    monkeypatch.setattr(
        root, "handlers", [each for each in root.handlers if "pytest" not in type(each).__module__]
    )
    log.info(
        "page %s", "x\n2026-01-31T00:00:00Z ERROR forged \x1b[31m \ud800", extra={"title": "a\nb"}
    )
    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()
    assert line.encode()
    if format == "json":
        assert json.loads(line)["title"] == "a\nb"


def test_a_secret_that_holds_another_one_leaves_no_rest():
    assert logs.Mask(["abcd", "abcdefgh", "efgh"])("xabcdefghx") == "x***x"


def test_a_secret_with_quotes_is_masked_in_json_too(configure):
    secret = 'pass"word\\with\nescapes'
    stream = configure("json", secrets=(secret,))
    log.info("connecting with %s", secret)
    assert json.loads(stream.getvalue())["event"] == "connecting with ***"


def test_libraries_say_nothing_below_a_warning_even_at_debug(configure):
    stream = configure(level="DEBUG")
    for name in ("urllib3.connectionpool", "httpx", "httpcore", "chromadb", "psycopg", "requests"):
        logging.getLogger(name).debug("GET https://host/?token=%s", "abc")
        logging.getLogger(name).info("HTTP Request: GET https://host/?token=%s", "abc")
    log.debug("ours")
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == ["ours"]


def test_the_level_is_the_least_that_is_said(configure):
    stream = configure(level="WARNING")
    log.info("quiet")
    log.warning("loud")
    assert stream.getvalue().split()[-1] == "loud"
    assert "quiet" not in stream.getvalue()


def test_setting_up_again_replaces_what_was_set_up(configure):
    first = configure()
    second = configure()
    log.info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1


@pytest.mark.parametrize("format", ["text", "json"])
def test_a_line_stays_below_what_container_runtimes_cut(format, configure):
    stream = configure(format)
    log.info("x" * 100_000, extra={"more": "ü" * 100_000})
    (line,) = stream.getvalue().splitlines()
    assert len(line.encode()) < 16_000
    if format == "json":
        assert json.loads(line)["level"] == "info"
