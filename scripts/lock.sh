#!/bin/bash
# Make the image's locks anew: every package pinned exactly, with the hashes of all its files (so that amd64 and arm64 share them).
# Usage: scripts/lock.sh [--upgrade]        without --upgrade, what is pinned stays as long as it fits
#   UV=…   the uv to use (default: uv in PATH; `pip install uv`)
# The index is whatever uv is configured for; no address is written into the locks.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-uv}
extras=(--extra llama --extra postgres --extra metrics --extra files --extra s3)
lock() { # lock OUTPUT INPUT: the package's dependencies, its extras and INPUT, for Python 3.12 on Linux
  "$uv" pip compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
    --only-binary :all: --python-version 3.12 --python-platform linux "${extras[@]}" "${@:3}" -o "$1" pyproject.toml "$2"
  sed -i "1i # Made by scripts/lock.sh from pyproject.toml (extras llama, postgres, metrics, files, s3) and $2: do not edit." "$1"
}
lock requirements.lock scripts/container/image.in "$@"
lock requirements-embedded.lock scripts/container/image-embedded.in "$@"
