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

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "service.md"


def test_the_table_of_settings_is_that_of_the_declarations() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    shown = text.partition("<!-- settings -->\n")[2].partition("<!-- end -->")[0]
    assert shown == table_of(VARIABLES)


@pytest.mark.service
@pytest.mark.chroma
def test_the_programs_of_the_document_run(service: Service, tmp_path: Path) -> None:
    service.connect(service.admin("documented"))
    key = service.key("documented", "admin")
    programs = re.findall(r"```bash\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(programs)],
        cwd=tmp_path,
        env={**os.environ, "URL": service.url, "KEY": key},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"results":[{"title"' in done.stdout
    assert '"role":"reader"' in done.stdout
