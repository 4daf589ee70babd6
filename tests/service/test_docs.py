"""docs/service.md: its programs run, and its table is that of the declarations."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from confluence_mirror.service.settings import VARIABLES
from confluence_mirror.settings.documents import table_of
from tests.service.running import Service

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs"


def test_the_table_of_settings_is_that_of_the_declarations() -> None:
    text = (DOCUMENTS / "service.md").read_text(encoding="utf-8")
    shown = text.partition("<!-- settings -->\n")[2].partition("<!-- end -->")[0]
    assert shown == table_of(VARIABLES)


@pytest.mark.service
@pytest.mark.chroma
@pytest.mark.parametrize(
    ("document", "said"),
    [("service.md", '"results":[{"title"'), ("webhooks.md", '"status":"accepted"')],
)
def test_the_programs_of_the_documents_run(
    service: Service, tmp_path: Path, document: str, said: str
) -> None:
    workspace = f"documented-{document[:4]}"
    service.connect(service.admin(workspace))
    key = service.key(workspace, "admin")
    text = (DOCUMENTS / document).read_text(encoding="utf-8")
    programs = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(programs)],
        cwd=tmp_path,
        env={**os.environ, "URL": service.url, "KEY": key, "SANDBOX": service.gateway.url},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in done.stdout
