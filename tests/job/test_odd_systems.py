"""Systems as they are: streams, folders, homes and variables that nobody expects end in one line
and a known code."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from confluence_sandbox import SampleGateway
from tests.job.conftest import Make
from tests.job.harness import ROOT, Job, held
from tests.mirror.conftest import body

pytestmark = pytest.mark.long

PROGRAMS = (
    ("sync.py", "--version"),
    ("ingest_conf.py", "--help"),
    ("test_confluence.py", "--help"),
    ("-m", "confluence_mirror.settings", "--markdown"),
    ("-m", "confluence_mirror.markdown", str(ROOT / "README.md")),
    ("-m", "confluence_mirror.embedding"),
)
"""Every program, at the least that it can be asked to do."""
TALKATIVE = (PROGRAMS[1], PROGRAMS[4])
SHELL = {
    "full": 'exec "$@" >/dev/full',
    "closed": 'exec "$@" >&- 2>&- <&-',
    "read by nobody": '"$@" | true; exit "${PIPESTATUS[0]}"',
    "not UTF-8": 'LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 PYTHONIOENCODING=ascii exec "$@"',
}
"""The standard output as a shell arranges it."""


def shell(
    script: str, command: list[str], folder: Path, environ: Mapping[str, str]
) -> tuple[int, str, str]:
    """Run it; code, output and errors."""
    done = subprocess.run(
        ["bash", "-c", script, "bash", *command],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        timeout=120,
        check=False,
    )
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    assert "Traceback" not in out + err, err
    assert "Exception ignored" not in err, err
    return done.returncode, out, err


def problems(text: str) -> list[str]:
    """Lines that are no log lines of a run that goes well."""
    return [
        line
        for line in text.splitlines()
        if line and not re.match(r"\d{4}-\S+Z (INFO|WARNING) ", line)
    ]


@pytest.mark.parametrize(
    ("stream", "code", "programs"),
    [
        ("full", 74, PROGRAMS),
        ("closed", 0, PROGRAMS),
        ("read by nobody", 0, TALKATIVE),
        ("not UTF-8", 0, TALKATIVE),
    ],
    ids=["full", "closed", "read by nobody", "not UTF-8"],
)
def test_every_program_stands_a_standard_output_that_is(
    stream: str, code: int, programs: Sequence[tuple[str, ...]], tmp_path: Path
) -> None:
    for program in programs:
        start = program if program[0] == "-m" else (str(ROOT / program[0]), *program[1:])
        environ = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
        found, _, err = shell(SHELL[stream], [sys.executable, *start], tmp_path, environ)
        assert (program, found) == (program, code), err
        assert len(problems(err)) == (1 if code else 0), err


@pytest.mark.chroma
@pytest.mark.parametrize(("stream", "code"), [("full", 74), ("not UTF-8", 0)])
def test_the_tour_stands_a_standard_output_that_is(stream: str, code: int, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    command = [sys.executable, str(ROOT / "sync.py"), "demo"]
    found, out, err = shell(SHELL[stream], command, tmp_path, environ)
    assert found == code, err
    told = [line for line in problems(err) if not line.startswith("This is the operator's view")]
    assert len(told) == (1 if code else 0), err
    # To its end: a file and a comment have answered.
    for said in ("That was the whole job", "failover-card.pdf", "?focusedCommentId=1310601"):
        assert (said in out) == (stream == "not UTF-8")


def arranged(job: Job, script: str, *arguments: str, **changes: str) -> tuple[int, str, str]:
    job.folder.mkdir(exist_ok=True)
    return shell(script, job.command(*arguments), job.folder, job.environ(**changes))


def test_a_result_that_finds_no_room_is_74_and_a_run_without_one_needs_none(make: Make) -> None:
    job = make()
    room = "The standard output cannot be written (No space left on device). Make room where it goes to."
    for arguments in (["plan"], ["check"], ["check", "--json"], ["query", "operator"]):
        if arguments[0] == "query":
            job.here()
        code, _, err = arranged(
            job, SHELL["full"], *arguments, SPACE_NAME="Operations", RUN_REPORT="report.json"
        )
        assert (arguments, code) == (arguments, 74), err
        assert room in err
        assert err.count("No space left") == 1
        if arguments == ["plan"]:
            assert '"exit_code": 74' in (job.folder / "report.json").read_text()
        told = {"LOG_LEVEL": "ERROR", "SPACE_NAME": "Operations"}
        assert arranged(job, SHELL["read by nobody"], *arguments, **told)[0] == 0
    code, _, err = arranged(job, SHELL["full"], "--change-scope")
    assert (code, "mirrored 9 pages" in err) == (0, True)
    assert len(held(job.store, "confluence")) == 9


@pytest.mark.parametrize("stream", ["full", "closed", "not UTF-8"])
def test_a_run_goes_on_where_its_log_is(make: Make, gateway: SampleGateway, stream: str) -> None:
    gateway.site.add("OPS", "Größe 日本語", body(9))
    job = make()
    script = SHELL[stream].replace(">/dev/full", "2>/dev/full")
    code, out, err = arranged(job, script, LOG_LEVEL="DEBUG")
    assert code == 0, out + err
    assert len(held(job.store, "confluence")) == 10


def test_metrics_and_report_may_go_to_the_standard_output(make: Make) -> None:
    job = make()
    places = {"METRICS_FILE": "/dev/stdout", "RUN_REPORT": "/dev/fd/1"}
    code, out, err = arranged(job, 'exec "$@" | cat', **places)
    assert code == 0, err
    assert all(words in out for words in ("confluence_sync_exit_code", '"schema_version"'))
    assert "mirrored 9 pages" in err
    arranged(job, 'exec "$@" >>log', METRICS_FILE="/dev/fd/1")
    arranged(job, 'exec "$@" >>log', METRICS_FILE="/dev/fd/1")
    assert (job.folder / "log").read_text().count("# TYPE confluence_sync_exit_code") == 2


def test_a_working_directory_that_went_away_is_one_line(make: Make) -> None:
    job = make()
    for program in ("sync.py", "ingest_conf.py", "test_confluence.py"):
        command = [sys.executable, str(ROOT / program)]
        script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
        job.folder.mkdir(exist_ok=True)
        code, out, err = shell(script, command, job.folder, job.environ())
        assert (program, code) == (program, 74), out + err
        assert "working directory" in out + err


PATHS = (
    *(
        "CONF_API_TOKEN_FILE",
        "CA_BUNDLE",
        "STORE_PATH",
        "EMBEDDING_MODEL_PATH",
        "STATE_DIR",
        "RUN_REPORT",
    ),
    "METRICS_FILE",
)


@pytest.mark.parametrize("name", [*PATHS, "TOKENIZER"])
def test_the_home_of_a_user_that_does_not_exist_is_a_wrong_setting(make: Make, name: str) -> None:
    value = "~nosuchuser/file" if name != "TOKENIZER" else "hf:~nosuchuser/tokenizer.json"
    said = make().here("--dry-run", expect=78, **{name: value}).stderr
    assert f"{name}: begins with the home folder" in said


@pytest.mark.parametrize(
    "name", ["CONF_USER", "SPACE_NAME", "STATE_DIR", "LABELS", "CHROMA_TENANT", "RUN_REPORT"]
)
def test_a_variable_that_is_not_utf_8_is_a_wrong_setting(make: Make, name: str) -> None:
    said = make().here("--dry-run", expect=78, **{name: "a\udcff\udcfe@b.example"}).stderr
    assert f"{name}: is not UTF-8 text" in said


def test_an_argument_that_is_not_utf_8_is_wrong_usage(make: Make) -> None:
    job = make()
    assert "not UTF-8" in job.here("--query", "caf\udce9", expect=64).stderr
    assert job.here("--caf\udce9", expect=64).stderr.count("\n") == 1


def test_a_home_that_does_not_exist_is_not_needed(make: Make) -> None:
    job = make(HOME="/nonexistent/home")
    assert job.night()["pages"]["added"] == 9
    assert not Path("/nonexistent").exists()


def odd(folder: Path) -> None:
    """What other hands leave in a folder of state."""
    for name in ("conf_known_issues.vdb", "manifest.db.bak"):
        (folder / name).mkdir()
    (folder / "report.json").mkdir()
    (folder / "store").write_bytes(b"\xff\xfe")
    (folder / "CURRENT_COLLECTION").write_bytes(b"\xff\x00\xfe")
    (folder / ".report.json.abc").write_text("{")
    (folder / "link").symlink_to(folder / "nothing")
    os.mkfifo(folder / "pipe")


def test_a_folder_of_state_with_odd_contents_stops_no_run(make: Make) -> None:
    job = make()
    job.folder.mkdir()
    odd(job.folder)
    job.here()
    assert len(held(job.store, "confluence")) == 9
    for arguments in (["--verify"], ["--query", "operator"], ["--dry-run"]):
        job.here(*arguments)


FILES = {"CONF_API_TOKEN_FILE": "", "CA_BUNDLE": "", "EMBEDDING_MODEL_PATH": "", "TOKENIZER": "hf:"}


def not_almighty() -> None:
    """Take from root what opens every folder to it (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH), for
    what is executed."""
    for capability in (1, 2):
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)


def locked(folder: Path) -> Path:
    closed = folder / "closed"
    closed.mkdir()
    (closed / "file").write_text("x")
    closed.chmod(0)
    return closed


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"STATE_DIR": "closed/state"}, 74),
        ({"RUN_REPORT": "closed/report.json", "METRICS_FILE": "closed/metrics"}, 74),
        ({"STORE": "embedded", "STORE_PATH": "closed/store"}, 74),
        (
            {name: f"{value}closed/file" for name, value in FILES.items()} | {"CONF_API_TOKEN": ""},
            78,
        ),
    ],
    ids=["state", "report", "store", "settings"],
)
def test_a_folder_that_may_not_be_entered_is_one_line(
    make: Make, changes: dict[str, str], code: int
) -> None:
    job = make()
    job.folder.mkdir()
    locked(job.folder)
    done = subprocess.run(
        job.command(),
        cwd=job.folder,
        env=job.environ(LOG_LEVEL="ERROR", **changes),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=not_almighty,
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    assert all(name in said for name in FILES) if code == 78 else "closed" in said
