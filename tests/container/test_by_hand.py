"""The image as a person uses it, and what is in it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.container.world import UID, Cluster, Servers, assert_whole, run


def test_podman_run_with_variables_mirrors_the_space(cluster: Cluster, servers: Servers) -> None:
    settings = {"VECTOR_API_BASE_URL": servers.at["vector_api"], "COLLECTION_ID": "by-hand"}
    ended = cluster.podman(settings=settings)
    assert ended.code == 0, ended.log
    assert_whole(servers.collection("by-hand"), servers.pages())


def test_an_option_goes_to_the_sync(cluster: Cluster, servers: Servers) -> None:
    settings = {"VECTOR_API_BASE_URL": servers.at["vector_api"], "COLLECTION_ID": "planned"}
    ended = cluster.podman("--dry-run", settings=settings)
    assert ended.code == 0, ended.log
    assert servers.collection("planned") == []


def test_a_wrong_option_is_wrong_usage(cluster: Cluster) -> None:
    assert cluster.podman("--no-such-option").code == 64


def test_ingest_conf_runs_by_name(cluster: Cluster, servers: Servers) -> None:
    settings = {"LLAMA_BASE_URL": servers.at["llama"], "VECTOR_DB_ID": "by-name"}
    settings["CONF_GATEWAY_URL"] = servers.at["small"]
    ended = cluster.podman("ingest_conf.py", settings=settings)
    assert ended.code == 0, ended.log
    assert servers.in_llama("by-name") == set(servers.pages(few=True).values())


def test_the_connectivity_check_runs_by_name(cluster: Cluster, servers: Servers) -> None:
    ended = cluster.podman(
        "test_confluence.py", settings={"VECTOR_API_BASE_URL": servers.at["vector_api"]}
    )
    assert ended.code == 0, ended.log
    assert "Space GEN" in ended.log


def test_one_env_file_serves_podman_with_the_quotes_that_it_keeps(
    cluster: Cluster, servers: Servers, tmp_path: Path
) -> None:
    lines = {
        **servers.shell,
        "SPACE_NAME": '"Space GEN"',
        "CONF_GATEWAY_URL": servers.at["gateway"],
    }
    lines |= {"COLLECTION_ID": "'env-file'", "STORE": "vector-api"}
    file = tmp_path / ".env"
    file.write_text(
        "".join(f"{key}={value}\n" for key, value in lines.items() if key != "IMAGE"),
        encoding="utf-8",
    )
    flags = [
        f"--network=ns:/run/netns/{servers.network}",
        "--env-file",
        str(file),
        "--user",
        f"{UID}:0",
    ]
    ended = run("podman", "run", "--rm", *flags, "--tmpfs", "/app:mode=0770", cluster.image)
    assert ended.returncode == 0, ended.stdout
    assert_whole(servers.collection("env-file"), servers.pages())


def test_the_embedding_model_works_without_any_network(image: str) -> None:
    program = (
        "from confluence_mirror.embedding import local_embedder as e;"
        " print(len(e('all-MiniLM-L6-v2')(['x'])[0]))"
    )
    flags = [
        "--network=none",
        "--read-only",
        "--memory=512m",
        "--user",
        f"{UID}:0",
        "--cap-drop=ALL",
    ]
    assert (
        run("podman", "run", "--rm", *flags, image, "python", "-c", program).stdout.strip() == "384"
    )


def test_a_library_that_reports_to_its_maker_is_told_not_to_by_the_image_alone(image: str) -> None:
    program = "import onnxruntime, pathlib; print([*map(str, pathlib.Path.home().rglob('*'))])"
    assert (
        run(
            "podman", "run", "--rm", "--network=none", image, "python", "-c", program
        ).stdout.strip()
        == "[]"
    )


def test_every_store_of_a_cluster_can_be_reached_from_the_image(image: str) -> None:
    program = (
        "import llama_stack_client, prometheus_client, psycopg;"
        " import confluence_mirror.stores.chroma.http; print('well')"
    )
    assert (
        run(
            "podman", "run", "--rm", "--network=none", image, "python", "-c", program
        ).stdout.strip()
        == "well"
    )


def inside(image: str, script: str) -> str:
    flags = ["--network=none", "--user", "0", "--entrypoint", "/bin/sh"]
    return run("podman", "run", "--rm", *flags, image, "-c", script).stdout


def test_nothing_of_the_build_is_left(image: str) -> None:
    left = "ls /run/secrets/* /etc/pip.conf ~root/.cache /build 2>/dev/null"
    open_to_all = (
        "find / -xdev -type f -perm -o+w -not -path '/proc/*' -not -path '/sys/*' 2>/dev/null"
    )
    tools = "command -v gcc cc make git curl"
    assert inside(image, f"{left}; {open_to_all}; {tools}") == ""
    assert "No broken requirements" in inside(
        image, "/usr/local/bin/python3 -m pip --python /opt/venv/bin/python check"
    )


def test_the_image_says_what_it_is_and_no_secret(image: str) -> None:
    config = json.loads(run("podman", "image", "inspect", image).stdout)[0]["Config"]
    assert config["User"] == "1001:0"
    titles = ("title", "description", "version", "revision", "created")
    assert all(config["Labels"][f"org.opencontainers.image.{title}"] for title in titles)
    assert config["Entrypoint"][0] == "/opt/venv/bin/python"
    history = run("podman", "history", "--no-trunc", image).stdout + json.dumps(config)
    assert not [
        w for w in ("index-url", "CONF_API_TOKEN=", "BEGIN CERTIFICATE", "ATATT") if w in history
    ]
