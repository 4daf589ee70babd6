from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.cluster.files import text_of


@pytest.fixture(scope="session")
def template() -> Any:
    return yaml.safe_load(text_of("template.ocp"))
