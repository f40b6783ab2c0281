# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Messages, exit status, names and saved state: what install.sh and uninstall.sh share.
# Sourced, never run. POSIX sh without `local`: a function's variables begin with its name.
# Invariant: the saved state (one file a value) is written before the change that it describes, so that an
# interrupted run can be undone. State and pins carry the network namespace's inode: hosts in namespaces stay apart.

STATE_ROOT=/run/fairlead-backend
BPF_MOUNT=/sys/fs/bpf
PIN_ROOT=$BPF_MOUNT/fairlead-backend

EXIT_FAILED=1
EXIT_USAGE=2
EXIT_UNSUPPORTED=3
EXIT_PERMISSION=4

changes=0

say() { printf '%s\n' "$*"; }

# Something was changed: said, and counted for the last line of install.sh.
say_change() {
  changes=$((changes + 1))
  printf 'changed   %s\n' "$*"
}

say_fact() { printf '%-9s %s\n' "$1" "$2"; }

# fail STATUS WHAT WHAT-TO-DO
fail() {
  printf '%s: %s\n  %s\n' "${0##*/}" "$2" "$3" >&2
  exit "$1"
}

fail_usage() { fail "$EXIT_USAGE" "$1" "See ${0##*/} --help."; }

require_root() {
  [ "$(id -u)" -eq 0 ] || fail "$EXIT_PERMISSION" "started by user $(id -un), needs root" "Run it with sudo."
}

# require_tool TOOL DEBIAN-PACKAGE
require_tool() {
  command -v "$1" >/dev/null 2>&1 || fail "$EXIT_UNSUPPORTED" "$1 is not installed" "Install it (Debian, Ubuntu: apt install $2)."
}

device_exists() { ip link show dev "$device" >/dev/null 2>&1; }

# Sets state, pins and this run's lock for $device. '.' may not stand in a name on the BPF file system, ':' not in a device's.
open_names() {
  case $device in
    '' | . | .. | */* | *:* | *' '*) fail_usage "no device name: '$device'" ;;
  esac
  namespace=$(stat -L -c %i /proc/self/ns/net) || fail "$EXIT_FAILED" "cannot read /proc/self/ns/net" "Is /proc mounted?"
  key=$namespace-$(printf %s "$device" | tr . :)
  state=$STATE_ROOT/$key
  pins=$PIN_ROOT/$key
  umask 077
  mkdir -p "$STATE_ROOT" || fail "$EXIT_FAILED" "cannot make $STATE_ROOT" "Is /run writable?"
  if command -v flock >/dev/null 2>&1; then
    exec 9>"$STATE_ROOT/lock"
    flock -w 30 9 || fail "$EXIT_FAILED" "another run holds $STATE_ROOT/lock for more than 30 seconds" "Wait until it has ended."
  fi
}

put() { printf '%s\n' "$2" >"$state/$1" || fail "$EXIT_FAILED" "cannot write $state/$1" "Is /run full?"; }
get() { [ ! -f "$state/$1" ] || cat "$state/$1"; }
forget() { rm -f "$state/$1"; }

# in_list WORD WORDS
in_list() {
  case " $2 " in
    *" $1 "*) return 0 ;;
  esac
  return 1
}

# without WORDS1 WORDS2: the words of the first that are not in the second.
without() {
  without_result=
  for without_word in $1; do
    in_list "$without_word" "$2" || without_result="$without_result $without_word"
  done
  say "${without_result# }"
}

# What tells this device of this namespace from one that later gets the same inode and name.
identity() {
  say "$(cat /proc/sys/kernel/random/boot_id) $(ip -o link show dev "$device" 2>/dev/null \
    | sed -n 's/^\([0-9]*\):.*link\/ether \([0-9a-f:]*\).*/\1 \2/p')"
}

# Saved state of a namespace that is gone describes nothing here. It is stale when the device differs and nothing of it is in place.
state_is_stale() {
  [ "$(get identity)" != "$(identity)" ] || return 1
  ! program_is_attached || return 1
  for stale_vip in $(get vips-added); do
    ! vip_is_on_lo "$stale_vip" || return 1
  done
  return 0
}

drop_state() {
  rm -rf "$pins" "$state"
  rmdir "$PIN_ROOT" 2>/dev/null
  return 0
}

# Everything back as before the first install; reads the saved state alone.
undo_all() {
  remove_program
  for undo_vip in $(get vips); do
    remove_vip "$undo_vip"
  done
  restore_sysctls
  drop_state
}
