#!/bin/bash
# Build the image. Usage: scripts/container/build.sh [IMAGE [podman build options …]]      default localhost/confluence-sync:latest
#   BASE_IMAGE=…   default docker.io/library/python:3.12-slim; scripts/container/base.sh makes one where that cannot be reached
#   PIP_CONF=…     a pip.conf for the build (a private index); else pip's own settings of this environment
# The pip.conf and this machine's CA bundle are build secrets: the build may run behind a proxy that speaks TLS with a CA of its
# own, and nothing of them stays in the image.
set -euo pipefail
cd "$(dirname "$0")/../.."
image=${1:-localhost/confluence-sync:latest}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
if [ -n "${PIP_CONF:-}" ]; then
  cp "$PIP_CONF" "$work/pip.conf"
else
  printf '[global]\ntimeout = 180\ncert = /run/secrets/ca.crt\n' > "$work/pip.conf"
  [ -z "${PIP_INDEX_URL:-}" ] || printf 'index-url = %s\n' "$PIP_INDEX_URL" >> "$work/pip.conf"
fi
version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' confluence_mirror/__init__.py)
base=()
[ -z "${BASE_IMAGE:-}" ] || base=(--build-arg "BASE_IMAGE=$BASE_IMAGE")
podman build --network host "${base[@]}" --build-arg "VERSION=$version" \
  --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" --build-arg "CREATED=$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
  --secret "id=pipconf,src=$work/pip.conf" --secret "id=cabundle,src=$bundle" -t "$image" "${@:2}" .
podman image inspect -f "image: $image, {{.Size}} bytes" "$image"
