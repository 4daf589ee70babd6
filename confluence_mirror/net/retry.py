"""The one retry policy: what is tried again, how long is waited between, and when it ends."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from confluence_mirror.waits import WAITS

_log = logging.getLogger(__name__)

_P = ParamSpec("_P")
_T = TypeVar("_T")

BUSY = frozenset({429, 502, 503, 504})
"""Statuses of a server, or of the proxy in front of it, that may change in a moment."""
_SAY_EVERY = 60.0


class TryAgainError(Exception):
    """A fault that may be over in a moment.

    ``final`` is raised in its place when the policy has had enough; None: it is raised itself.
    ``wait``: seconds that the answer asks for. ``patient``: the server says that it is busy or not
    ready yet, and is waited for as long as the policy's ``patience_s``, however many attempts that
    takes. ``attempts``: fewer of them than the policy has.
    """

    def __init__(
        self,
        final: Exception | str,
        *,
        wait: float | None = None,
        patient: bool = False,
        attempts: int | None = None,
    ) -> None:
        super().__init__(str(final))
        self.final = final if isinstance(final, Exception) else None
        self.wait = wait
        self.patient = patient
        self.attempts = attempts


def sleep_in_steps(
    seconds: float, check: Callable[[], None], sleep: Callable[[float], None] = time.sleep
) -> None:
    """Wait; ``check`` is called before and at least once per second, and ends the wait by what it
    raises."""
    check()
    while seconds > 0:
        step = min(1.0, seconds)
        sleep(step)
        seconds -= step
        check()


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long. Times are in seconds.

    The n-th wait is random, up to ``first`` · 2ⁿ and at most ``longest``; it is never less than
    what the server asks for (``Retry-After``), which counts as a second at least and
    ``longest_asked`` at most. ``sleep`` ends the wait by what it raises when the run is to stop.
    Once per minute of waiting a line says for what (``who``) and why. ``before_retry`` is called
    before each repetition.
    """

    who: str
    attempts: int = 6
    first: float = 0.5
    longest: float = 30.0
    longest_asked: float = 60.0
    patience_s: float = 0.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float, float], float] = random.uniform
    before_retry: Callable[[], None] = lambda: None
    speaker: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    """Held by the one of several threads that says for what they wait."""

    def call_with_retries(
        self, function: Callable[_P, _T], *arguments: _P.args, **options: _P.kwargs
    ) -> _T:
        """What ``function`` gives, once it raises no ``TryAgainError``; the last one's ``final`` is
        raised at the end.

        Whether a request may be repeated at all is said by raising ``TryAgainError`` or another
        exception.
        """
        reason, speaks = "", False

        def note_reason(state: RetryCallState) -> None:
            nonlocal reason
            reason = f"{self.who}: {_last_fault(state)}"
            nonlocal speaks
            speaks = speaks or self.speaker.acquire(blocking=False)
            self._prepare_retry(state, speaks=speaks)

        def pause(seconds: float) -> None:
            with WAITS.announce(reason, seconds):
                self.sleep(seconds)

        retrying = Retrying(
            retry=retry_if_exception_type(TryAgainError),
            stop=lambda state: self.should_give_up(
                _last_fault(state),
                state.attempt_number,
                max(state.idle_for, state.seconds_since_start or 0.0),
            ),
            wait=lambda state: self.seconds_before_next(_last_fault(state), state.attempt_number),
            sleep=pause,
            before_sleep=note_reason,
            reraise=True,
        )
        try:
            return retrying(function, *arguments, **options)
        except TryAgainError as fault:
            if fault.final is None:
                raise
            final = fault.final
        finally:
            if speaks:
                self.speaker.release()
        raise final

    def should_give_up(self, fault: TryAgainError, attempts: int, waited: float) -> bool:
        """Whether to give up after so many attempts and so many seconds of waiting."""
        if fault.patient and self.patience_s:
            return waited >= self.patience_s
        return attempts >= min(self.attempts, fault.attempts or self.attempts)

    def seconds_before_next(self, fault: TryAgainError, attempts: int) -> float:
        """How long to wait before the next attempt."""
        grown = self.jitter(0.1, min(self.longest, self.first * 2.0 ** min(attempts, 30)))
        return grown if fault.wait is None else max(grown, 1.0, min(fault.wait, self.longest_asked))

    def _prepare_retry(self, state: RetryCallState, *, speaks: bool) -> None:
        self.before_retry()
        before = (
            state.idle_for - state.upcoming_sleep
        )  # tenacity has counted the wait that begins already
        if speaks and int(state.idle_for // _SAY_EVERY) > int(before // _SAY_EVERY):
            _log.info("waiting for %s: %s; %.0f s so far", self.who, _last_fault(state), before)


def _last_fault(state: RetryCallState) -> TryAgainError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, TryAgainError)
    return error
