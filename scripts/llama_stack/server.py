"""A real Llama Stack (0.2 to 0.7) or OGX (1.x) on 127.0.0.1, for tests: in an environment of its
own.

    python scripts/llama_stack/server.py install [--version 0.2.23] [--venv DIR]
    python scripts/llama_stack/server.py start   [--version 0.2.23] [--venv DIR] [--provider
    sqlite-vec] [--state DIR] python scripts/llama_stack/server.py stop    DIR

``install`` needs Python 3.12 or 3.13, looked for on PATH and among pyenv's, and does nothing where
the version is there already. The default folder is ``.venv-llama-<version>`` in the working
directory. ``start`` prints one line of JSON (``base_url``, ``version``, ``state``, ``pids``); what
the server keeps is in its state folder, so that starting again with the same ``--state`` is a
restart. ``stop`` names that folder. The server's real parts are all but the embeddings: hashed
words, see ``embeddings.py``. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from run_config import config, release

HERE = Path(__file__).resolve().parent
BASE = [
    "faiss-cpu",
    "sqlite-vec",
    "pysqlite3-binary",
    "aiosqlite",
    "sqlalchemy[asyncio]",
    "pypdf",
    "chardet",
]
START_SECONDS = 120.0

SQLITE_WITH_EXTENSIONS = """\
# sqlite-vec is a loadable extension, which some builds of Python's own sqlite3 cannot load.
import sqlite3
import sys

if not hasattr(sqlite3.Connection, "enable_load_extension"):
    import pysqlite3
    import pysqlite3.dbapi2

    sys.modules["sqlite3"], sys.modules["sqlite3.dbapi2"] = pysqlite3, pysqlite3.dbapi2
"""


def python_312() -> str:
    """A Python that the servers run on. Ends the program where there is none."""
    found = [path for name in ("python3.12", "python3.13") if (path := shutil.which(name))]
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found += [
        str(path)
        for minor in ("3.12", "3.13")
        for path in sorted(root.glob(f"versions/{minor}.*/bin/python"))
    ]
    for python in [sys.executable, *found]:
        asked = subprocess.run(
            [python, "-c", "import sys, venv; print(sys.version_info[1])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.stdout.strip() in ("12", "13"):
            return python
    sys.exit(
        "Llama Stack needs Python 3.12 or 3.13, and neither is on PATH or among pyenv's versions."
    )


def packages(version: str) -> list[str]:
    """What to install. The parts of a release do not pin one another; some need older
    companions."""
    v = release(version)
    name = "ogx" if v >= (1, 0) else "llama-stack"
    parts = [name, f"{name}-client", *([f"{name}-api"] if v >= (0, 4) else [])]
    wanted = [f"{part}=={version}" for part in parts] + BASE + ["python-multipart"]
    if v >= (0, 3):  # carries the table of cl100k_base, which the server would download
        wanted.append("llama-index-core")
    if (0, 3) <= v < (1, 0):
        wanted.append("mcp<2")
    return wanted


def install(venv: Path, version: str) -> None:
    """Make the environment, unless it is complete. A broken off installation is begun anew."""
    done = venv / "installed"
    if done.is_file() and done.read_text() == version:
        return
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([python_312(), "-m", "venv", str(venv)], check=True)
    pip = [
        str(venv / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, *packages(version)], check=True)
    done.write_text(version)


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(url: str) -> bool:
    """Whether somebody answers there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def environment(venv: Path, state: Path, port: int) -> dict[str, str]:
    """Offline, at home in the state folder, with our modules in front."""
    modules = state / "modules"
    modules.mkdir(parents=True, exist_ok=True)
    (state / "home").mkdir(exist_ok=True)
    (modules / "sitecustomize.py").write_text(SQLITE_WITH_EXTENSIONS)
    shutil.copy(HERE / "embeddings.py", modules / "sentence_transformers.py")
    settings = {
        "HOME": str(state / "home"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(modules),
        "NO_PROXY": "127.0.0.1",
        "LLAMA_STACK_PORT": str(port),  # 0.2 takes its port from here
        "OTEL_SDK_DISABLED": "true",
    }
    tables = list(venv.glob("lib/python3*/site-packages/llama_index/core/_static/tiktoken_cache"))
    if tables:
        settings["TIKTOKEN_CACHE_DIR"] = str(tables[0].resolve())
    return {**os.environ, **settings}


def command(venv: Path, version: str, run_file: Path, port: int) -> list[str]:
    """How this version is started."""
    binaries = venv.resolve() / "bin"
    if release(version) < (0, 3):
        return [str(binaries / "python"), "-m", "llama_stack.core.server.server", str(run_file)]
    if release(version) >= (1, 0):
        return [str(binaries / "ogx"), "run", str(run_file), "--port", str(port), "--insecure"]
    return [str(binaries / "llama"), "stack", "run", str(run_file), "--port", str(port)]


def launch(
    argv: list[str], log: Path, settings: dict[str, str], folder: Path
) -> subprocess.Popen[bytes]:
    """A process of its own group, so that Ctrl-C at a terminal does not reach it."""
    with log.open("ab") as file:
        return subprocess.Popen(
            argv, env=settings, cwd=folder, stdout=file, stderr=file, process_group=0
        )


def start(
    venv: Path, version: str, state: Path, providers: list[str], port: int
) -> dict[str, object]:
    """Start a server, and wait until it answers."""
    port, embeddings_port = port or free_port(), free_port()
    settings = environment(venv, state, port)
    run_file = state / "run.yaml"
    url = f"http://127.0.0.1:{embeddings_port}/v1"
    run_file.write_text(json.dumps(config(version, port, url, state, providers), indent=1))
    started = []
    if release(version) >= (0, 3):
        argv = [
            str(venv.resolve() / "bin" / "python"),
            str(HERE / "embeddings.py"),
            str(embeddings_port),
        ]
        started.append(launch(argv, state / "embeddings.log", settings, state))
        wait_for(f"{url}/models", started[0], state)
    started.append(
        launch(command(venv, version, run_file, port), state / "server.log", settings, state)
    )
    (state / "pids").write_text(" ".join(str(process.pid) for process in started))
    base_url = f"http://127.0.0.1:{port}"
    wait_for(f"{base_url}/v1/health", started[-1], state)
    pids = [process.pid for process in started]
    return {"base_url": base_url, "version": version, "state": str(state), "pids": pids}


def wait_for(url: str, process: subprocess.Popen[bytes], state: Path) -> None:
    """Until it answers; ends the program with the end of its log where it does not."""
    end = time.monotonic() + START_SECONDS
    while not answers(url):
        if process.poll() is not None or time.monotonic() > end:
            stop(state)
            process.kill()
            log = state / "server.log"
            sys.exit(
                log.read_text(errors="replace")[-3000:]
                if log.is_file()
                else f"{url} does not answer"
            )
        time.sleep(0.1)


def stop(state: Path) -> None:
    """Stop the server of this state folder, and the workers that it started. The state stays."""
    pids = state / "pids"
    for pid in map(int, pids.read_text().split()) if pids.is_file() else ():
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if alive(pid):
                os.kill(pid, sign)
            end = time.monotonic() + 5
            while alive(pid) and time.monotonic() < end:
                time.sleep(0.05)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    pids.unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Whether the process runs. One that nobody has buried yet does not."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.is_file() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="what", required=True)
    for name in ("install", "start"):
        sub = commands.add_parser(name)
        sub.add_argument("--version", default="0.2.23")
        sub.add_argument("--venv", type=Path)
        if name == "start":
            sub.add_argument(
                "--provider", action="append", help="sqlite-vec or faiss; the first is the default"
            )
            sub.add_argument("--state", type=Path, help="a new temporary folder unless named")
            sub.add_argument("--port", type=int, default=0)
    sub = commands.add_parser("stop")
    sub.add_argument("state", type=Path)
    asked = parser.parse_args()
    if asked.what == "stop":
        stop(asked.state)
        return
    venv = asked.venv or Path(f".venv-llama-{asked.version}")
    if asked.what == "install":
        install(venv, asked.version)
        return
    state = (asked.state or Path(tempfile.mkdtemp(prefix="llama-stack-"))).resolve()
    print(
        json.dumps(start(venv, asked.version, state, asked.provider or ["sqlite-vec"], asked.port))
    )


if __name__ == "__main__":
    main()
