"""Metrics: the file, and the push."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler

import pytest
from report_samples import ended

from confluence_mirror.errors import Exit, StateUnusable
from confluence_mirror.runs import metrics
from tests.servers.sockets import saying, talking
from tests.servers.threading_server import StandInServer

SUCCESS = "confluence_sync_last_success_timestamp_seconds"


def samples(text: str) -> dict[str, float]:
    """Name and labels → value."""
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line[0] != "#"
    }


def test_the_file_holds_the_counts_of_the_run(tmp_path):
    metrics.write_file(ended(Exit.OK), tmp_path / "sync.prom")
    found = samples((tmp_path / "sync.prom").read_text())
    who = 'site="11111111-2222-3333-4444-555555555555",collection="confluence"'
    assert found[f'confluence_sync_pages{{{who},outcome="added"}}'] == 31
    assert found[f'confluence_sync_pages{{{who},outcome="failed"}}'] == 2
    assert found[f'confluence_sync_chunks{{{who},outcome="sent"}}'] == 1204
    assert found[f'confluence_sync_requests{{{who},status="429"}}'] == 1
    assert found[f"confluence_sync_waited_seconds{{{who}}}"] == 5.25
    assert found[f"confluence_sync_duration_seconds{{{who}}}"] == 192
    assert found[f"confluence_sync_exit_code{{{who}}}"] == 0
    assert (
        found[f"{SUCCESS}{{{who}}}"]
        == found[f"confluence_sync_last_run_timestamp_seconds{{{who}}}"]
    )


@pytest.mark.parametrize("exit_code", [code for code in Exit if code])
def test_a_failed_night_leaves_the_time_of_the_last_success_as_it_was(exit_code, tmp_path):
    path = tmp_path / "sync.prom"
    metrics.write_file(ended(exit_code), path)
    assert SUCCESS not in path.read_text()
    metrics.write_file(ended(Exit.OK), path)
    before = [line for line in path.read_text().splitlines() if SUCCESS in line]
    assert len(before) == 3
    for _ in range(2):
        metrics.write_file(ended(exit_code), path)
        assert [line for line in path.read_text().splitlines() if SUCCESS in line] == before


def test_labels_are_escaped(tmp_path):
    report = ended(Exit.OK)
    report.collection = 'a"b\\c\nd'
    assert 'collection="a\\"b\\\\c\\nd"' in metrics.exposition(report)


def test_the_document_names_every_metric():
    from test_report_json import DOCUMENT

    for metric in metrics.metrics(ended(Exit.OK)):
        assert f"| `{metric.name}` |" in DOCUMENT


def test_a_file_that_cannot_be_written_ends_with_74(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnusable, match="metrics file"):
        metrics.write_file(ended(), tmp_path / "file" / "sync.prom")
    with pytest.raises(StateUnusable, match="metrics file"):
        metrics.write_file(ended(), tmp_path)


class Pushgateway:
    """A server that keeps what is pushed to it."""

    def __init__(self, status: int = 200) -> None:
        pushed = self.pushed = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                pushed.append((self.path, body.decode()))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = StandInServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Pushgateway:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_a_push_adds_to_the_group_of_job_site_and_collection():
    pytest.importorskip("prometheus_client")
    with Pushgateway() as gateway:
        assert metrics.push(ended(Exit.OK), gateway.url) is None
        assert metrics.push(ended(Exit.UNFINISHED), gateway.url) is None
    (path, good), (_, failed) = gateway.pushed
    job, _, labels = path.removeprefix("/metrics/job/").partition("/")
    assert job == "confluence-sync"
    names_and_values = iter(labels.split("/"))
    assert dict(zip(names_and_values, names_and_values, strict=True)) == {
        "site": "11111111-2222-3333-4444-555555555555",
        "collection": "confluence",
    }
    assert 'confluence_sync_pages{outcome="added"} 31.0' in good
    assert SUCCESS in good
    assert SUCCESS not in failed


def test_a_push_and_the_file_hold_the_same_metrics():
    parser = pytest.importorskip("prometheus_client.parser")
    report = ended(Exit.OK)
    with Pushgateway() as gateway:
        metrics.push(report, gateway.url)

    def values(text: str) -> set[tuple[str, frozenset[tuple[str, str]], float]]:
        families = parser.text_string_to_metric_families(text)
        return {
            (
                s.name,
                frozenset(
                    s.labels.items() - {("site", report.site_id), ("collection", report.collection)}
                ),
                s.value,
            )
            for family in families
            for s in family.samples
        }

    assert values(gateway.pushed[0][1]) == values(metrics.exposition(report))


def test_a_push_that_fails_is_a_warning_and_not_the_end_of_the_run():
    pytest.importorskip("prometheus_client")
    with Pushgateway(status=500) as gateway:
        warning = metrics.push(ended(Exit.OK), gateway.url)
    assert warning is not None
    assert "could not be pushed" in warning
    assert "refuses connections" in (metrics.push(ended(Exit.OK), gateway.url) or "")


GARBAGE = {
    "nothing": b"",
    "no HTTP": b"\x00\x01 garbage \xff\r\n\r\n",
    "a header without end": b"HTTP/1.1 200 OK\r\n" + b"x" * 200_000,
    "a redirect to nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
    "a chunk that is none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "what is not gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
}


@pytest.mark.parametrize("answer", GARBAGE)
def test_a_pushgateway_that_answers_with_garbage_is_a_warning(answer):
    pytest.importorskip("prometheus_client")
    with talking(saying(GARBAGE[answer])) as place:
        warning = metrics.push(ended(Exit.OK), f"http://{place}")
    assert warning is not None
    assert "could not be pushed" in warning
    assert "the run itself is not affected" in warning
    assert "\n" not in warning


def test_a_push_without_the_client_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    assert "pip install '.[metrics]'" in (metrics.push(ended(Exit.OK), "http://127.0.0.1:9") or "")
