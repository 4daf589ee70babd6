"""Whether the service is alive, and ready."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from confluence_mirror.service.api.base import TheCore

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """What the service needs, and whether it answers."""

    status: Literal["ready", "waiting"]
    database: bool
    store: bool


@router.get("/healthz")
async def show_health() -> Alive:
    """Alive."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Ready, "description": "Not ready"}})
def show_readiness(core: TheCore, response: Response) -> Ready:
    """Whether the database and the store answer."""
    found = core.readiness.look()
    ready = all(found.values())
    response.status_code = 200 if ready else 503
    return Ready(status="ready" if ready else "waiting", **found)
