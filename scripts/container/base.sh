#!/bin/bash
# Make a base image where no registry can be reached: a minimal Debian from this machine's apt sources, and this machine's
# CPython 3.12 in /usr/local, as the official python:3.12-slim is laid out.
# Usage: scripts/container/base.sh [IMAGE]     default localhost/python-base:3.12; nothing is done if it is there
#   PYTHON=…   a CPython 3.12 under a prefix of its own (default: python3.12 in PATH, else one of pyenv's)
# Needs root, podman and mmdebstrap.
set -euo pipefail
image=${1:-localhost/python-base:3.12}
if podman image exists "$image"; then echo "base image: $image is there"; exit 0; fi

is_312() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12) or sys.base_prefix == "/usr")' 2>/dev/null; }
python=
for candidate in "${PYTHON:-python3.12}" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12.*/bin/python3.12; do
  if is_312 "$candidate"; then python=$candidate; break; fi
done
[ -n "$python" ] || { echo "no CPython 3.12 under a prefix of its own: set PYTHON" >&2; exit 1; }
prefix=$("$python" -c 'import sys; print(sys.base_prefix)')

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
sources=/etc/apt/sources.list.d/debian.sources
[ -s "$sources" ] || sources=/etc/apt/sources.list
# What CPython's modules load, certificates and time zones; no documents, no locales, no apt.
libraries=libstdc++6,libssl3,libffi8,libsqlite3-0,libbz2-1.0,liblzma5,zlib1g,libncursesw6,libreadline8,libexpat1,libuuid1,libcrypt1,libnsl2
mmdebstrap --quiet --variant=essential --mode=root --include="ca-certificates,netbase,tzdata,$libraries" \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$root" "$sources"
version=lib/python3.12
mkdir -p "$root/usr/local/bin"
tar -C "$prefix" -c --exclude='*.a' --exclude=__pycache__ --exclude='*_tkinter*' \
    --exclude="$version"/{test,idlelib,tkinter,turtledemo} --exclude="$version/config-*" --exclude="$version/site-packages/*" \
    include lib | tar -C "$root/usr/local" -x
cp -a "$prefix/bin/python3.12" "$root/usr/local/bin/"
ln -s python3.12 "$root/usr/local/bin/python3"
ln -s python3.12 "$root/usr/local/bin/python"
chroot "$root" /sbin/ldconfig
chroot "$root" /usr/local/bin/python3 -m ensurepip --default-pip >/dev/null 2>&1
chroot "$root" /usr/local/bin/python3 -c 'import bz2, ctypes, hashlib, lzma, readline, sqlite3, ssl, uuid, zlib'
tar -C "$root" --numeric-owner -c . | podman import -q -c 'CMD ["python3"]' -c 'ENV LANG=C.UTF-8' \
  -c 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' - "$image" >/dev/null
podman image inspect -f "base image: $image, {{.Size}} bytes" "$image"
