"""``SHARD``: which part of a mirror a job is."""

from __future__ import annotations

from pathlib import Path

import pytest
from settings_samples import REQUIRED

from confluence_mirror.model import Shard
from confluence_mirror.settings import Settings, WrongSettings

SHARED = {
    "STATE_URL": "postgresql://sync@db/state",
    "STORE": "pgvector",
    "PGVECTOR_URL": "postgresql://sync@db/vectors",
}


def load(**env: str) -> Settings:
    return Settings.load(REQUIRED | SHARED | env, Path(), in_container=False)[0]


@pytest.mark.parametrize(
    ("env", "shard"),
    [
        ({"SHARD": "0/3"}, Shard(0, 3)),
        ({"SHARD": "2/3"}, Shard(2, 3)),
        ({"SHARD": "/3", "JOB_COMPLETION_INDEX": "2"}, Shard(2, 3)),
        ({"SHARD": "1/3", "JOB_COMPLETION_INDEX": "2"}, Shard(1, 3)),
        ({"JOB_COMPLETION_INDEX": "2"}, None),
        ({"SHARD": "0/1", "STATE_URL": ""}, None),
    ],
)
def test_a_job_is_the_part_that_is_set_or_that_kubernetes_numbers(
    env: dict[str, str], shard: Shard | None
) -> None:
    assert load(**env).scope.shard == shard


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"STATE_URL": ""}, "SHARD: needs a record that the shards share"),
        ({"STORE": "embedded"}, "SHARD: needs pgvector or a Chroma server"),
        ({"WRITE_MODE": "rotate"}, "WRITE_MODE: must be auto where SHARD is set"),
        ({"DOCUMENT_STORE": "pages"}, "DOCUMENT_STORE: cannot be written by one SHARD"),
        ({"SHARD": "/3"}, "JOB_COMPLETION_INDEX, which is not a number from 0 to 2"),
        ({"SHARD": "/3", "JOB_COMPLETION_INDEX": "3"}, "not a number from 0 to 2"),
        ({"SHARD": "3/3"}, "parts count from 0"),
    ],
)
def test_what_shards_need_is_asked_for(env: dict[str, str], said: str) -> None:
    with pytest.raises(WrongSettings, match=said):
        load(**{"SHARD": "0/3"} | env)
