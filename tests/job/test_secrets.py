"""Credentials stay where they belong: with the gateway and the store, and in nothing that the
program leaves behind."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from confluence_sandbox import SampleGateway
from tests.job.conftest import Make, Serve, page
from tests.job.harness import Job
from tests.mirror.conftest import body

TOKEN = "canary-token-4f1d7e"
STORE_TOKEN = "canary-store-93ab20"
CANARIES = (TOKEN, STORE_TOKEN)


def guarded(make: Make, serve: Serve, gateway: SampleGateway, **switches: Any) -> Job:
    gateway.token = TOKEN
    server = serve(switches.pop("variant", "underscore"), token=STORE_TOKEN, **switches)
    return make(
        "job", server, VECTOR_API_TOKEN=STORE_TOKEN, LOG_LEVEL="DEBUG", METRICS_FILE="metrics.prom"
    )


def leaks(job: Job, *texts: str) -> list[str]:
    """Where a credential, or its Basic form, can be read."""
    basic = base64.b64encode(f"{job.gateway.user}:{TOKEN}".encode()).decode()
    places = {f"text {at}": text.encode() for at, text in enumerate(texts)}
    places |= {str(path): path.read_bytes() for path in job.folder.rglob("*") if path.is_file()}
    return [
        place
        for place, text in places.items()
        if any(word.encode() in text for word in (*CANARIES, basic))
    ]


def test_no_credential_in_anything_that_a_run_leaves_whatever_becomes_of_it(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    job = guarded(make, serve, gateway)
    report = ("--report", "report.json")

    def leave(*arguments: str, expect: int, **changes: str) -> None:
        done = job.here(*report, *arguments, expect=expect, **changes)
        assert leaks(job, done.stdout, done.stderr) == []

    leave(expect=0)
    leave("--verify", expect=0)
    leave("--dry-run", expect=0)
    leave(expect=69, VECTOR_API_BASE_URL="http://127.0.0.1:1")
    leave(expect=77, VECTOR_API_TOKEN=STORE_TOKEN + "x")
    leave(expect=77, CONF_API_TOKEN=TOKEN + "x")
    leave(expect=77, CONF_CLOUD_ID="22222222-3333-4444-8555-666666666666")
    leave(expect=65, FILTER_SPACE_KEYS="HR")
    leave(expect=78, BATCH_SIZE="none", CONF_API_TOKEN=f"${{{TOKEN}}}")
    leave("--nonsense", expect=64)
    gateway.fault(path="/spaces", html=True, status=403)
    leave(expect=77)
    gateway.faults.clear()
    job.store.switches.poison = "arsenic"
    gateway.site.edit(page(gateway.site, "Page 1"), "<p>arsenic</p>")
    gateway.site.edit(page(gateway.site, "Page 2"), body(5000))
    leave(expect=75)


def test_no_credential_in_the_log_of_a_bug(
    make: Make, serve: Serve, gateway: SampleGateway, monkeypatch: Any
) -> None:
    job = guarded(make, serve, gateway)

    def broken(*_: Any) -> None:
        raise RuntimeError(f"token {TOKEN} and {STORE_TOKEN} in an exception")

    monkeypatch.setattr("confluence_mirror.mirror.planner.Planner.plan", broken)
    done = job.here_with_a_bug("--report", "report.json")
    assert done.returncode == 70
    assert "RuntimeError" in done.stderr
    assert "***" in done.stderr
    assert leaks(job, done.stdout, done.stderr) == []


def test_no_credential_in_the_list_of_processes(
    make: Make, serve: Serve, gateway: SampleGateway
) -> None:
    job = guarded(make, serve, gateway)
    seen: list[bytes] = []
    process: list[Any] = []

    def look(_number: int) -> None:
        if process and process[0].poll() is None:
            seen.append(Path(f"/proc/{process[0].pid}/cmdline").read_bytes())

    job.store.before = look
    process.append(job.start())
    out, err = process[0].communicate(timeout=60)
    job.store.before = lambda _number: None
    assert process[0].returncode == 0
    assert seen
    assert not any(canary.encode() in line for line in seen for canary in CANARIES)
    assert leaks(job, out, err) == []


def test_hostile_links_and_redirects_do_not_lead_away_from_the_gateway(
    gateway: SampleGateway, make: Make, serve: Serve
) -> None:
    for number in range(300):
        gateway.site.add("OPS", f"More {number}", "<p>Short.</p>")
    job = guarded(make, serve, gateway)

    def astray(answer: Any) -> Any:
        links = answer.get("_links", {})
        if "next" in links:
            links["next"] = gateway.elsewhere + "/wiki" + links["next"].partition("/wiki")[2]
        links["base"] = gateway.elsewhere + "/wiki"
        return answer

    gateway.fault(path="/api/v2/", change=astray)
    done = job.start("--report", "report.json")
    out, err = done.communicate(timeout=120)
    assert leaks(job, out, err) == []
    gateway.faults.clear()
    gateway.fault(
        path="/pages",
        status=302,
        headers={"Location": f"{gateway.elsewhere}/wiki/api/v2/pages"},
        payload="",
    )
    done = job.start("--report", "report.json")
    out, err = done.communicate(timeout=120)
    assert done.returncode in (69, 77)
    assert leaks(job, out, err) == []
    assert [entry.path for entry in gateway.log if entry.host == "elsewhere"] == []


def test_no_credential_of_a_proxy_or_a_pushgateway_in_any_output(make: Make) -> None:
    word = "canary-p%40ss"
    job = make(HTTP_PROXY=f"http://me:{word}@127.0.0.1:1", LOG_LEVEL="DEBUG")
    header = base64.b64encode(b"me:canary-p@ss").decode()
    proxied = job.here(
        "--report", "report.json", expect=69, VECTOR_API_BASE_URL="http://store.invalid"
    )
    pushed = job.here(expect=78, PUSHGATEWAY_URL=f"http://me:{word}@127.0.0.1:1")
    texts = [done.stdout + done.stderr for done in (proxied, pushed)] + [
        (job.folder / "report.json").read_text()
    ]
    assert [text for text in texts if "canary" in text or header in text] == []
