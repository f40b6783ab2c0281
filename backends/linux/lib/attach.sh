# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Where the decapsulator hangs on the device: a tc filter at clsact ingress, or the XDP hook. Sourced, after program.sh.
# Replacing is one step of the kernel: no packet in between meets no program.
# Invariant: before anything is replaced or taken off, its program id is compared with that of our own pin.

# Our filter's priority: the first free one from 10 on, so that few filters of others come before it.
free_pref() {
  free_used=$(tc filter show dev "$device" ingress | sed -n 's/.* pref \([0-9]*\) .*/\1/p' | tr '\n' ' ')
  free_try=10
  while in_list "$free_try" "$free_used"; do
    free_try=$((free_try + 1))
  done
  say "$free_try"
}

# The device's XDP mode in bpftool's words.
xdp_mode() {
  case $(ip link show dev "$device" | sed -n 1p) in
    *xdpgeneric*) say xdpgeneric ;;
    *xdpoffload*) say xdpoffload ;;
    *) say xdpdrv ;;
  esac
}

# Folder of ours whose program hangs on hook $1 (tc, xdp) of the device; nothing when there is none.
attached_folder() {
  for attached_try in $(our_folders); do
    if [ "${attached_try%-*}" = "$1" ] && folder_is_attached "$attached_try"; then
      say "$attached_try"
      return
    fi
  done
}

# attach_tc FOLDER
attach_tc() {
  if ! tc qdisc show dev "$device" | grep -Eq '^qdisc (clsact|ingress) '; then
    put clsact-added yes
    tc qdisc add dev "$device" clsact || fail "$EXIT_UNSUPPORTED" "cannot add clsact to $device" "The kernel needs CONFIG_NET_CLS_ACT and CONFIG_NET_SCH_INGRESS."
    say_change "qdisc clsact added to $device"
  fi
  attach_tc_verb=replace
  attach_tc_pref=$(tc_pref "$(program_id "$(attached_folder tc)")")
  if [ -z "$attach_tc_pref" ]; then
    attach_tc_verb=add
    attach_tc_pref=$(free_pref)
  fi
  tc filter "$attach_tc_verb" dev "$device" ingress pref "$attach_tc_pref" handle 1 bpf direct-action pinned "$pins/$1/program" \
    || fail "$EXIT_UNSUPPORTED" "cannot attach decap_tc to $device" "The kernel needs CONFIG_NET_CLS_BPF, tc needs BPF support."
}

# attach_xdp FOLDER: native where the driver can, else generic.
attach_xdp() {
  attach_xdp_now=$(xdp_ids)
  if [ -n "$(attached_folder xdp)" ]; then
    attach_xdp_log=$(bpftool net attach "$(xdp_mode)" pinned "$pins/$1/program" dev "$device" overwrite 2>&1) \
      || fail "$EXIT_FAILED" "cannot replace decap_xdp on $device: $attach_xdp_log" "Run uninstall.sh, then this again."
    return
  fi
  [ -z "$attach_xdp_now" ] || fail "$EXIT_FAILED" "$device has an XDP program of somebody else (id ${attach_xdp_now% })" \
    "Use --hook tc, or take that one off (bpftool prog show id ${attach_xdp_now% } names it)."
  for attach_xdp_mode in xdpdrv xdpgeneric; do
    attach_xdp_log=$(bpftool net attach "$attach_xdp_mode" pinned "$pins/$1/program" dev "$device" 2>&1) && return
  done
  fail "$EXIT_UNSUPPORTED" "cannot attach decap_xdp to $device: $attach_xdp_log" "Use --hook tc."
}

# Puts the program of folder $1 on the device, in place of one of ours that may be there.
attach_program() {
  if [ "${1%-*}" = xdp ]; then attach_xdp "$1"; else attach_tc "$1"; fi
  say_change "decap_${1%-*} attached to $device"
}

# Takes the program of folder $1 off the device if it is there, and removes its pins.
remove_folder() {
  if folder_is_attached "$1"; then
    case $1 in
      xdp-*) bpftool net detach "$(xdp_mode)" dev "$device" && say_change "decap_xdp taken off $device" ;;
      *) tc filter del dev "$device" ingress pref "$(tc_pref "$attached_id")" handle 1 bpf && say_change "decap_tc taken off $device" ;;
    esac
  fi
  rm -rf "${pins:?}/$1"
  [ -n "$(attached_folder tc)" ] || remove_clsact
}

# Removes the clsact that we added, unless somebody uses it meanwhile.
remove_clsact() {
  [ -n "$(get clsact-added)" ] || return 0
  forget clsact-added
  tc qdisc show dev "$device" 2>/dev/null | grep -q '^qdisc clsact ' || return 0
  if [ -n "$(tc filter show dev "$device" ingress)$(tc filter show dev "$device" egress)" ]; then
    say_fact kept "qdisc clsact of $device: filters of others are on it"
  elif tc qdisc del dev "$device" clsact; then
    say_change "qdisc clsact removed from $device"
  fi
}

# Takes all of ours off; nothing when nothing is there.
remove_program() {
  for remove_each in $(our_folders); do
    remove_folder "$remove_each"
  done
  remove_clsact
  rm -rf "$pins"
  forget program
  forget digest
  forget addresses
}
