#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Undoes install.sh for one device: program, clsact, pins, VIPs, sysctls, from the state that install.sh saved.
# Invariant: what install.sh did not make, or what somebody changed since, stays as it is.
set -u
PATH=$PATH:/usr/sbin:/sbin
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
for part in common address network program attach; do
  . "$here/lib/$part.sh"
done

usage() {
  cat <<'END'
Usage: uninstall.sh --device DEVICE

Undoes what install.sh did for DEVICE: decapsulator, pins, VIPs on lo, sysctls.

Exit status: 0 done or nothing to do, 1 failed, 2 wrong usage, 3 not supported
here, 4 no permission.
END
}

device=
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage && exit 0 ;;
    --device=*) device=${1#*=} && shift ;;
    --device)
      [ $# -ge 2 ] || fail_usage "--device wants a value"
      device=$2
      shift 2
      ;;
    *) fail_usage "unknown argument '$1'" ;;
  esac
done
[ -n "$device" ] || fail_usage "--device is missing"

require_root
require_tool ip iproute2
require_tool tc iproute2
require_tool bpftool bpftool
open_names
if [ ! -d "$state" ]; then
  say "nothing is installed for $device in this network namespace"
  exit 0
fi
if state_is_stale; then
  drop_state
  say "nothing is installed for $device: only state of an earlier namespace or start was there, removed"
  exit 0
fi
left=$(get vips-added)
undo_all
for vip in $left; do
  # A VIP may stay for another device of this host; then that device's state has it now.
  if vip_is_on_lo "$vip" && ! in_list "$vip" "$(cat "$STATE_ROOT/$namespace"-*/vips-added 2>/dev/null | tr '\n' ' ')"; then
    fail "$EXIT_FAILED" "VIP $vip is still on lo" "Remove it: ip address del $(as_prefix "$vip") dev lo"
  fi
done
say "done"
