"""Reports and metrics go where they are asked to, and destroy nothing that is no file of theirs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from confluence_mirror.errors import Exit, StateUnusable
from confluence_mirror.runs import metrics
from confluence_mirror.runs.report import RunReport
from confluence_mirror.whole_files import is_device, write_whole

PROGRAM = """
import sys
from pathlib import Path
from confluence_mirror.whole_files import write_whole
print("before", flush=True)
write_whole(Path(sys.argv[1]), "the report\\n", "the report")
print("after", flush=True)
"""


# Not by the name /dev/stdout: a program that replaces what it is given would replace this
# machine's.
@pytest.mark.parametrize("place", ["/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_is_written_to_also_where_it_is_a_log_file(
    tmp_path: Path, place: str
) -> None:
    log = tmp_path / "log"
    log.write_text("of last night\n")
    with log.open("a") as stream:
        subprocess.run(
            [sys.executable, "-c", PROGRAM, place], stdout=stream, check=True, timeout=60
        )
    assert log.read_text() == "of last night\nbefore\nthe report\nafter\n"


def test_the_names_of_streams_and_devices_are_never_taken_for_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    names = (
        "/dev/stdout",
        "/dev/stderr",
        "/dev/null",
        "/dev/full",
        str(tmp_path / "pipe"),
        str(tmp_path),
    )
    assert [name for name in names if not is_device(Path(name))] == []
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")
    assert not is_device(tmp_path / "broken")
    assert not is_device(Path("/dev/shm/report.json"))


def test_a_pipe_takes_it_where_somebody_reads_and_is_an_error_where_nobody_does(
    tmp_path: Path,
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StateUnusable, match="could not be written"):
        write_whole(pipe, "x", "the report")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, "x", "the report")
    assert os.read(reader, 9) == b"x"
    os.close(reader)


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "report.json"
    link.symlink_to(tmp_path / "real" / "report.json")
    for text in ("one", "two"):
        write_whole(link, text, "the report")
        assert link.is_symlink()
        assert (tmp_path / "real" / "report.json").read_text() == text


def test_a_full_device_is_74() -> None:
    with pytest.raises(StateUnusable, match="No space left"):
        write_whole(Path("/dev/full"), "x" * 99_999, "the report")


@pytest.mark.parametrize(
    "former", [b"\xff\xfe\x00 no metrics", b"x" * 100_000], ids=["bytes", "long"]
)
def test_a_metrics_file_of_odd_contents_is_replaced(tmp_path: Path, former: bytes) -> None:
    path = tmp_path / "sync.prom"
    path.write_bytes(former)
    report = RunReport()
    report.end(Exit.SETTINGS)
    metrics.write_file(report, path)
    assert "confluence_sync_exit_code" in path.read_text()
