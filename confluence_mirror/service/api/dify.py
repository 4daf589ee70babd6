"""Dify's external knowledge: a folder is a knowledge base. Errors have Dify's shape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from confluence_mirror.errors import StoreUnavailable
from confluence_mirror.model import Filter
from confluence_mirror.search import MOST_RESULTS, Question
from confluence_mirror.search.question import SearchResult
from confluence_mirror.service.api.base import TheCore
from confluence_mirror.service.api.search import places_of
from confluence_mirror.service.auth.keys import Caller, find_caller
from confluence_mirror.service.core import Core
from confluence_mirror.service.problems import Problem

_NO_KEY, _WRONG_KEY, _NO_KNOWLEDGE = 1001, 1002, 2001
_LABEL_WORDS = ("is", "=", "contains", "in")
_COMPARED: Mapping[str, Callable[[str, str], bool]] = {
    "is": lambda has, wanted: has == wanted,
    "=": lambda has, wanted: has == wanted,
    "is not": lambda has, wanted: has != wanted,
    "≠": lambda has, wanted: has != wanted,
    "contains": lambda has, wanted: wanted.casefold() in has.casefold(),
    "not contains": lambda has, wanted: wanted.casefold() not in has.casefold(),
    "start with": lambda has, wanted: has.startswith(wanted),
    "end with": lambda has, wanted: has.endswith(wanted),
    "empty": lambda has, _wanted: not has,
    "not empty": lambda has, _wanted: bool(has),
    "before": lambda has, wanted: has < wanted,
    "<": lambda has, wanted: has < wanted,
    "≤": lambda has, wanted: has <= wanted,
    "after": lambda has, wanted: has > wanted,
    ">": lambda has, wanted: has > wanted,
    "≥": lambda has, wanted: has >= wanted,
}


class DifyError(Exception):
    """An answer in Dify's shape."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def answer(self) -> Response:
        """The response."""
        return JSONResponse({"error_code": self.code, "error_msg": self.message}, self.status)


class _DifyRoute(APIRoute):
    """Answers every error of its route in Dify's shape."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except DifyError as error:
                return error.answer()
            except RequestValidationError:
                return DifyError(400, 400, "The request does not fit.").answer()
            except StoreUnavailable:
                return DifyError(503, 503, "The store does not answer.").answer()
            except Problem as problem:
                return DifyError(problem.status, problem.status, problem.detail).answer()

        return answer


router = APIRouter(tags=["search"], route_class=_DifyRoute)


class RetrievalSetting(BaseModel):
    """How much is answered."""

    top_k: Annotated[int, Field(ge=1, le=MOST_RESULTS)] = 5
    score_threshold: Annotated[float, Field(ge=0, le=1)] = 0.0


class Condition(BaseModel):
    """What a page's metadata must be."""

    name: list[str] | str
    comparison_operator: str
    value: str | float | list[str] | None = None


class MetadataCondition(BaseModel):
    """Conditions together."""

    logical_operator: Literal["and", "or"] = "and"
    conditions: Annotated[list[Condition], Field(max_length=50)] = []


class RetrievalRequest(BaseModel):
    """A question to a knowledge base."""

    knowledge_id: Annotated[str, Field(max_length=100)]
    query: Annotated[str, Field(min_length=1, max_length=10_000)]
    retrieval_setting: RetrievalSetting
    metadata_condition: MetadataCondition | None = None


class Retrieved(BaseModel):
    """A passage."""

    content: str
    score: float
    title: str
    metadata: dict[str, str]


class RetrievalAnswer(BaseModel):
    """Passages, best first."""

    records: list[Retrieved]


class DifyErrorShown(BaseModel):
    """An error as Dify has it."""

    error_code: int
    error_msg: str


_ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"model": DifyErrorShown, "description": what}
    for status, what in (
        (400, "The request does not fit"),
        (403, "No key (1001), or a wrong one (1002)"),
        (404, "There is no such knowledge (2001)"),
        (413, "The body is larger than 1 MiB"),
        (422, "The request does not fit"),
        (429, "Too many requests"),
        (500, "A bug in confluence-mirror"),
        (503, "The database or the store does not answer"),
    )
}


@router.post("/retrieval", responses=_ANSWERS, openapi_extra={"security": [{"bearer": []}]})
async def retrieve_records(
    asked: RetrievalRequest, request: Request, core: TheCore
) -> RetrievalAnswer:
    """Passages of a folder, best first."""
    key = request.headers.get("Authorization", "")
    return await run_in_threadpool(_retrieve, core, asked, key)


def _retrieve(core: Core, asked: RetrievalRequest, authorization: str) -> RetrievalAnswer:
    caller = _caller_of(core, authorization)
    if not asked.query.strip():
        raise DifyError(400, 400, "query needs words to search for.")
    where, tests = _conditions_of(asked.metadata_condition)
    with core.database.reading() as session:
        try:
            folders = [_folder_id(asked.knowledge_id)]
            places = places_of(core, session, caller.workspace, folders, caller.account_id)
        except Problem:
            raise DifyError(404, _NO_KNOWLEDGE, "The knowledge does not exist.") from None
    setting = asked.retrieval_setting
    limit = MOST_RESULTS if tests else setting.top_k
    question = Question(asked.query, limit, None, where)
    found = core.answers.ask(places, question, as_user=caller.account_id)
    any_or_all = any if _is_or(asked.metadata_condition) else all
    kept = [
        each.result
        for each in found
        if each.result.score >= setting.score_threshold
        and (not tests or any_or_all(test(each.result) for test in tests))
    ]
    return RetrievalAnswer(records=[_show(each) for each in kept[: setting.top_k]])


def _caller_of(core: Core, authorization: str) -> Caller:
    kind, _, text = authorization.partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        raise DifyError(403, _NO_KEY, "The header is Authorization: Bearer and a key.")
    with core.database.reading() as session:
        now = core.database.now(session)
        caller = find_caller(session, now, text.strip(), core.admin_key, "")
    if caller is not None and core.rates.seconds_to_wait(f"key {caller.key_id}"):
        raise DifyError(429, 429, "Too many calls.")
    if caller is None:
        raise DifyError(403, _WRONG_KEY, "The key is not right.")
    return caller


def _folder_id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise DifyError(404, _NO_KNOWLEDGE, "The knowledge does not exist.") from None


def _is_or(given: MetadataCondition | None) -> bool:
    return given is not None and given.logical_operator == "or"


def _conditions_of(
    given: MetadataCondition | None,
) -> tuple[Filter, list[Callable[[SearchResult], bool]]]:
    """Labels are the store's to filter by; all else is seen in the results. Raises ``DifyError``
    for what is not known."""
    labels: list[str] = []
    tests: list[Callable[[SearchResult], bool]] = []
    for condition in given.conditions if given else ():
        names = [condition.name] if isinstance(condition.name, str) else condition.name
        for name in names:
            if name == "labels":
                if condition.comparison_operator not in _LABEL_WORDS or _is_or(given) or labels:
                    raise DifyError(400, 400, "labels: one condition, is or contains, by and.")
                labels += _texts_of(condition.value)
            else:
                tests.append(_test_of(name, condition))
    return Filter(labels=tuple(labels)), tests


def _test_of(name: str, condition: Condition) -> Callable[[SearchResult], bool]:
    compare = _COMPARED.get(condition.comparison_operator)
    if name not in ("space_key", "page_type", "title", "modified_at") or compare is None:
        raise DifyError(400, 400, "A metadata condition is not known here.")
    wanted = _texts_of(condition.value) or [""]

    def test(result: SearchResult) -> bool:
        return any(compare(str(getattr(result, name)), each) for each in wanted)

    return test


def _texts_of(value: str | float | list[str] | None) -> list[str]:
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _show(result: SearchResult) -> Retrieved:
    return Retrieved(
        content=result.text,
        score=result.score,
        title=result.title,
        metadata={
            "path": result.url,
            "page_id": result.page_id,
            "page_type": result.page_type,
            "space_key": result.space_key,
            "modified_at": result.modified_at,
            "heading": result.heading,
        },
    )
