"""A new clone with an empty home: what the documents' commands find around them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from confluence_mirror.settings import BY_NAME
from confluence_sandbox import SampleGateway, Site
from scripts.documents import blocks
from tests.servers.chroma import running_chroma
from tests.servers.llama_stack import LlamaStackServer
from tests.servers.postgres import postgres
from tests.servers.vector_api import VectorApiServer

ROOT = blocks.ROOT
_STAND_IN = """\
#!{python}
import sys
sys.path.insert(0, {root!r})
from scripts.documents import {module}
sys.exit({module}.main(sys.argv[1:]))
"""
_FILL_IN = """\
#!/bin/sh
# What a person does to a new .env with an editor: fill-in NAME=VALUE …
for each; do
  sed -i "/^#\\?${each%%=*}=/d" .env
  printf '%s\\n' "$each" >> .env
done
"""


@dataclass
class World:
    """Where the commands run."""

    folder: Path
    replaced: dict[str, str]
    """What stands in the documents for something of the reader's, and what it is here."""
    filled_in: list[str]
    """``NAME=value`` that every ``.env`` needs."""
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def clone(self) -> Path:
        return self.folder / "clone"

    @property
    def state(self) -> Path:
        """What podman and the cluster remember."""
        return self.folder / "state"

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        """Type these lines into a shell in the clone; the first that fails ends it."""
        for found, value in self.replaced.items():
            text = text.replace(found, value)
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.clone,
            env=self.environ,
            check=False,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
        )

    @contextlib.contextmanager
    def put_back(self) -> Iterator[None]:
        """What is done meanwhile to settings, data and cluster is undone."""
        kept = self.folder / "kept"
        mine = [self.clone / name for name in (".env", ".env.secrets", "data")] + [self.state]
        kept.mkdir()
        for path in mine:
            if path.is_dir():
                shutil.copytree(path, kept / path.name)
            elif path.exists():
                shutil.copy2(path, kept / path.name)
        yield
        for path in mine:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            if (kept / path.name).exists():
                shutil.move(kept / path.name, path)
        shutil.rmtree(kept)


def sample_site() -> Site:
    """The space of the users' settings, with a few pages."""
    site = Site()
    site.add_space("KI", "Known Issues")
    for number in range(5):
        site.add("KI", f"Issue {number}", f"<h2>Cause</h2><p>Broker {number} was full.</p>")
    text = "<h2>Restart the ingress</h2><p>Drain it, restart the ingress, look at its log.</p>"
    site.add("KI", "Ingress", text)
    return site


@contextlib.contextmanager
def new_world(folder: Path, *, install: bool) -> Iterator[World]:
    """With every server that the documents name. ``install``: ``make demo`` makes the environment;
    else it is there already, and holds the packages of this one."""
    with contextlib.ExitStack() as stack:
        gateway = stack.enter_context(SampleGateway(sample_site()))
        vector_api = stack.enter_context(VectorApiServer("underscore"))
        llama = stack.enter_context(LlamaStackServer())
        chroma = stack.enter_context(running_chroma(folder / "chroma"))
        database = stack.enter_context(postgres()).fresh()
        replaced = {
            "THE TOKEN": gateway.token,
            "http://localhost:8001": vector_api.url,
            "http://localhost:8321": llama.base_url,
            "http://llama-stack.NAMESPACE.svc:8321": llama.base_url,
            "http://localhost:8000": chroma.url,
            "postgresql://mirror:PASSWORD@localhost/knowledge": database,
            "11111111-2222-3333-4444-555555555555": gateway.cloud_id,
            "bot@serviceaccount.example.com": gateway.user,
        }
        filled = [
            f"CONF_CLOUD_ID={gateway.cloud_id}",
            f"CONF_USER={gateway.user}",
            f"CONF_GATEWAY_URL={gateway.url}",
            'SPACE_NAME="Known Issues"',
        ]
        world = World(folder, replaced, filled)
        _clone(world.clone)
        world.state.mkdir()
        world.environ = _environ(folder, world, gateway.url)
        if not install:
            _borrow_environment(world.clone / ".venv")
        yield world


def _clone(folder: Path) -> None:
    # By way of a repository of its own, which stands still while others work on this one.
    origin = folder.with_name("origin.git")
    subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, origin], check=True)
    subprocess.run(["git", "clone", "--quiet", origin, folder], check=True)
    changes = subprocess.run(
        ["git", "diff", "HEAD", "--binary"], cwd=ROOT, check=True, capture_output=True
    ).stdout
    if changes:
        subprocess.run(["git", "apply", "-"], cwd=folder, input=changes, check=True)


def _environ(folder: Path, world: World, gateway: str) -> dict[str, str]:
    home, programs, bare = folder / "home", folder / "bin", folder / "bare"
    home.mkdir()
    programs.mkdir()
    venv.create(bare, symlinks=True, with_pip=True)
    for name, module in {"oc": "oc", "kubectl": "oc", "podman": "podman"}.items():
        text = _STAND_IN.format(python=sys.executable, root=str(ROOT), module=module)
        _write_program(programs / name, text)
    _write_program(programs / "aws", "#!/bin/sh\necho a-password\n")
    _write_program(programs / "fill-in", _FILL_IN)
    ours = Path(sys.executable).parent
    path = [p for p in os.get_exec_path() if Path(p).resolve() != ours.resolve()]
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in BY_NAME and name not in ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS")
    }
    return kept | {
        "HOME": str(home),
        "PATH": os.pathsep.join([str(programs), str(bare / "bin"), *path]),
        "STAND_IN_KUBECTL": shutil.which("kubectl", path=os.pathsep.join([str(ours), *path])) or "",
        "STAND_IN_CLONE": str(world.clone),
        "STAND_IN_STATE": str(world.state),
        "STAND_IN_GATEWAY": gateway,
    }


def _write_program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _borrow_environment(folder: Path) -> None:
    """What ``make demo`` would have installed: this environment's packages."""
    venv.create(folder, symlinks=True, with_pip=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    borrowed = [path for path in sys.path if Path(path).name == "site-packages"]
    (packages / "borrowed.pth").write_text("\n".join(borrowed), encoding="utf-8")
    if sys.version_info < (3, 12):
        shutil.copy(Path(__file__).with_name("llama_client.py"), packages / "llama_stack_client.py")
    (folder / "demo.done").touch()
