#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# guard.sh PREFIX CGROUP RUN_DIRECTORY PINS: waits until its stdin ends, which it does when the world that started it
# cleans up and also when that process dies, however it dies; then removes all that the world made.
set -u
prefix=$1 cgroup=$2 run=$3 pins=$4
trap '' INT TERM HUP
cat >/dev/null

# Only processes that the world put there are below its cgroup.
if [ -d "$cgroup" ]; then
  echo 1 >"$cgroup/cgroup.kill" 2>/dev/null || find "$cgroup" -name cgroup.procs -exec cat {} + | xargs -r kill -9
  tries=0
  while [ -d "$cgroup" ] && [ $tries -lt 600 ]; do
    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
    tries=$((tries + 1))
    [ -d "$cgroup" ] && sleep 0.05
  done
fi
ip netns list | awk -v prefix="$prefix-" 'index($1, prefix) == 1 { print "netns del " $1 }' | ip -batch - -force
ip link del "${prefix}br" 2>/dev/null

# A network namespace, and with it its device, stays for as long as a closed connection still wants its last answer.
devices() { ip -br link | awk -v prefix="${prefix}v" 'index($1, prefix) == 1 { sub(/@.*/, "", $1); print "link del " $1 }'; }
tries=0
while [ -n "$(devices)" ] && [ $tries -lt 10 ]; do
  tries=$((tries + 1))
  sleep 0.05
done
devices | ip -batch - -force 2>/dev/null
rm -rf "$pins" "$run"

[ ! -d "$cgroup" ] || { echo "guard: $cgroup is still there" >&2; exit 1; }
exit 0
