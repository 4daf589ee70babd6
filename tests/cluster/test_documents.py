"""What the documents tell users to type refers to things that exist."""

from __future__ import annotations

import re
from typing import Any

import pytest

from confluence_mirror.settings import BY_NAME
from tests.cluster.files import ROOT
from tests.kubelet import template as oc
from tests.kubelet.check import check

DOCUMENTS = ("docs/deploy.md", "docs/container.md")
FOREIGN = {
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
}
BUILD = {"BASE_IMAGE", "EMBEDDED", "VERSION", "REVISION", "CREATED", "IMAGE", "RUN_ID"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    paths = set(re.findall(r"(?:openshift|deploy|scripts|tests)/[\w./-]*\w", text))
    assert len(paths) > 5
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_variable_that_a_document_names_is_one(document: str, template: Any) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    names = set(re.findall(r"`([A-Z][A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`", text))
    parameters = {parameter["name"] for parameter in template["parameters"]}
    assert names
    assert names - BY_NAME.keys() - parameters - FOREIGN - BUILD == set()


def test_the_parameter_file_of_the_document_is_enough_for_the_template(template: Any) -> None:
    text = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    block = re.search(r"cat > params.env <<'EOF'\n(.*?)\nEOF", text, re.S)
    assert block
    given = oc.parameter_file([line.strip() for line in block[1].splitlines()])
    assert given["CONF_API_TOKEN"] == "THE TOKEN"
    assert check(oc.process(template, given)) == []


def test_each_selector_of_the_document_finds_what_the_manifests_make() -> None:
    text = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    given_by_kubernetes = {"job-name=state"}
    assert set(re.findall(r"-l (\S+?)(?=\s)", text)) - given_by_kubernetes == {
        "app.kubernetes.io/name=confluence-sync"
    }
    assert set(re.findall(r"--from=cronjob/(\S+)", text)) == {"confluence-sync"}
