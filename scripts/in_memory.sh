#!/usr/bin/env bash
# Runs a command whose temporary files are in memory, where there is room. Tests commit tens of thousands of times, and on
# a disk each commit waits until it is written down; a process that is killed loses nothing either way.
set -euo pipefail

memory=/dev/shm
megabytes() { df -P -m "$memory" | awk 'NR == 2 { print $4 }'; }
available() { awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo; }

if [ -w "$memory" ] && [ "$(megabytes)" -gt 2000 ] && [ "$(available)" -gt 4000 ]; then
  folder=$(mktemp -d "$memory/confluence-mirror-XXXXXX")
  trap 'rm -rf "$folder"' EXIT
  printf '#!/bin/sh\n' >"$folder/program" && chmod +x "$folder/program"
  if "$folder/program" 2>/dev/null; then # else nothing may be executed there, and tests do that
    export TMPDIR=$folder
  fi
fi
"$@"
