"""One run at a time for each mirror, by a lock that dies with its holder.

SQLite: an OS lock on a file beside the manifest. PostgreSQL: an advisory lock on the session that
also writes, so that a run which lost the lock cannot write either. What stands in the lock file, or
in ``cs_meta``, is for the message only: no heartbeat, no takeover.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from confluence_mirror.errors import StateUnusable, Unfinished
from confluence_mirror.manifest.database import Database
from confluence_mirror.manifest.postgresql import PostgresManifest
from confluence_mirror.waits import WAITS

_POLL_S = 0.5
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextmanager
def hold_lock(
    database: Database,
    key: str,
    wait_s: float,
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Hold the lock named ``key``; raise ``Unfinished`` when another run still holds it after
    ``wait_s`` seconds."""
    server = database.server
    take, tell, release = _session_lock(server, key) if server else _file_lock(database, key)
    if not take():
        with WAITS.announce(f"another run of this mirror ({tell()})", wait_s):
            deadline = monotonic() + wait_s
            while not take():
                if monotonic() >= deadline:
                    holder = tell()
                    release()
                    raise Unfinished(
                        f"Another run of this mirror is at work ({holder}); this one waited"
                        f" {wait_s:.0f} s and did nothing.",
                        hint="Run again later, or raise LOCK_WAIT.",
                    )
                database.sleep(min(_POLL_S, max(deadline - monotonic(), 0.01)))
    try:
        yield
    finally:
        release()


def _describe_holder() -> str:
    return (
        f"{socket.gethostname()}, process {os.getpid()}, since"
        f" {datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
    )


def _file_lock(
    database: Database, key: str
) -> tuple[Callable[[], bool], Callable[[], str], Callable[[], None]]:
    assert database.path is not None
    path = database.path.with_name(f"{database.path.name}.{_hash_key(key).hex()[:12]}.lock")
    held = [_open_lock_file(path)]

    def take() -> bool:
        while True:
            if not _try_lock(held[0], path):
                return False
            if _is_file_at(held[0], path):
                break
            # Somebody removed the file: what is locked here is not what others open.
            os.close(held[0])
            held[0] = _open_lock_file(path)
        os.ftruncate(held[0], 0)
        os.pwrite(held[0], _describe_holder().encode(), 0)
        database.guards.append(still_held)
        return True

    def still_held() -> None:
        if not _is_file_at(held[0], path):
            raise Unfinished(
                f"The lock file {path} was removed while this run held it, so that another run may"
                " have begun; this one stops.",
                hint="Leave the file where it is, and run again.",
            )

    def tell() -> str:
        return os.pread(held[0], 300, 0).decode(errors="replace") or "holder unknown"

    def release() -> None:
        if still_held in database.guards:
            database.guards.remove(still_held)
        os.close(held[0])

    return take, tell, release


def _open_lock_file(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o664)
    except OSError as error:
        raise StateUnusable(f"The lock file {path} cannot be opened: {error.strerror}.") from None


def _try_lock(descriptor: int, path: Path) -> bool:
    """Take the lock, if it is free; by ``lockf`` where the file system has no ``flock``."""
    for lock in (fcntl.flock, fcntl.lockf):
        try:
            lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            if error.errno not in _NO_LOCKS:
                raise StateUnusable(
                    f"The lock file {path} cannot be locked: {error.strerror}."
                ) from None
        else:
            return True
    raise StateUnusable(
        f"The file system of {path} has no locks, so two runs at once could not be told; nothing"
        " was done.",
        hint="Keep state on another volume, or in PostgreSQL (STATE_URL).",
    )


def _is_file_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that this path names."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _session_lock(
    server: PostgresManifest, key: str
) -> tuple[Callable[[], bool], Callable[[], str], Callable[[], None]]:
    number = int.from_bytes(_hash_key(key)[:8], "big", signed=True)
    return (
        lambda: server.try_lock(number, _describe_holder()),
        lambda: server.holder(number),
        lambda: server.unlock(number),
    )


def _hash_key(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
