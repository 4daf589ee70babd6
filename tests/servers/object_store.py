"""A real server of S3 (moto), in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from confluence_mirror.document_store.s3 import BucketAccess

KEY, SECRET = "AKIATESTTESTTEST0001", "secretsecretsecretsecretsecretsecret0001"
BUCKET = "mirror-documents"


@dataclass(frozen=True)
class ObjectServer:
    """Where it is, and a client of it that is not ours."""

    url: str
    client: Any

    def access(self, **changes: Any) -> BucketAccess:
        given = {"key_id": KEY, "secret_key": SECRET, "endpoint": self.url, "timeout": 10.0}
        return BucketAccess(**(given | changes))

    def empty(self) -> None:
        """Nothing in the bucket."""
        for key in self.keys():
            self.client.delete_object(Bucket=BUCKET, Key=key)

    def keys(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [row["Key"] for page in pages for row in page.get("Contents", [])]

    def files(self, prefix: str) -> dict[str, bytes]:
        """What lies below a prefix, by path."""
        return {
            key.removeprefix(f"{prefix}/"): self.client.get_object(Bucket=BUCKET, Key=key)[
                "Body"
            ].read()
            for key in self.keys()
            if key.startswith(f"{prefix}/")
        }


@contextmanager
def object_server() -> Iterator[ObjectServer]:
    """A server with one empty bucket."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )
    try:
        _wait_until_there(client, process)
        yield ObjectServer(url, client)
    finally:
        client.close()
        process.terminate()
        process.wait()


def _wait_until_there(client: Any, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
            return
        except Exception:
            assert process.poll() is None, "moto ended"
            assert time.monotonic() < end, "moto does not answer"
            time.sleep(0.1)
