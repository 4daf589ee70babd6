"""The application: routes and manners around one ``Core``."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from confluence_mirror import __version__
from confluence_mirror.service.api import (
    admin,
    approvals,
    connect,
    dify,
    discovery,
    folders,
    health,
    hooks,
    imports,
    keys,
    runs,
    search,
    streams,
    webhook,
)
from confluence_mirror.service.api.base import ProblemAnswer
from confluence_mirror.service.core import Core
from confluence_mirror.service.problems import handle_problems

_TITLE = "confluence-mirror"
_SUMMARY = "Connect to Confluence, import, keep in step, answer."
_ROUTERS = (
    connect,
    discovery,
    imports,
    streams,
    runs,
    approvals,
    folders,
    search,
    dify,
    hooks,
    webhook,
    keys,
    admin,
    health,
)


def make_app(core: Core) -> FastAPI:
    """The application of this process."""
    app = FastAPI(title=_TITLE, version=__version__, docs_url=None, redoc_url=None)
    app.state.core = core
    for module in _ROUTERS:
        app.include_router(module.router)
    handle_problems(app)
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]
    return app


def _describe(app: FastAPI) -> dict[str, Any]:
    """The description of the API (OpenAPI 3.1); its errors are problems."""
    if app.openapi_schema is None:
        found = get_openapi(title=_TITLE, version=__version__, summary=_SUMMARY, routes=app.routes)
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        problem = ProblemAnswer.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs", {}) | {"ProblemAnswer": problem}
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        app.openapi_schema = found
    return app.openapi_schema


def make_health_app(core: Core) -> FastAPI:
    """What a worker answers."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.core = core
    app.include_router(health.router)
    handle_problems(app)
    return app
