#!/bin/bash
# Make podman usable on a bare Debian machine, as root and without systemd, and print the setting that says how.
# Usage: eval "$(scripts/container/machine.sh [--install])"
#   --install   apt-get install what is missing (200 MB)
# crun of Debian 12 refuses a hybrid cgroup tree, runc does not; podman's default of 1048576 open files cannot be set without
# CAP_SYS_RESOURCE; without systemd there are only plain cgroups.
set -euo pipefail
wanted=(podman buildah runc catatonit mmdebstrap iproute2 gettext-base openssl)
missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  [ "${1:-}" = --install ] || { echo "missing packages: ${missing[*]} (--install installs them)" >&2; exit 2; }
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq; apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >/dev/null
fi
files=$(ulimit -Hn)
[ "$files" != unlimited ] || files=1048576
settings=${TMPDIR:-/tmp}/confluence-sync-containers.conf
cat > "$settings" <<CONF
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
CONF
echo "export CONTAINERS_CONF=$settings"
