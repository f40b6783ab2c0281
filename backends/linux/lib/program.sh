# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The decapsulator: built, loaded with its maps pinned, filled, attached, detached. Sourced, after common.sh.
# Each load gets a folder of its own under $pins (tc-1, xdp-2, ...): program and maps. The new one is complete
# before it takes the old one's place in one step. Invariant: a filter or program that is not ours is never touched.

# Finds the BPF file system, or mounts it where that lasts.
ensure_bpffs() {
  [ "$(stat -f -c %T "$BPF_MOUNT" 2>/dev/null)" = bpf_fs ] && return
  [ "$(readlink /proc/self/ns/mnt)" = "$(readlink /proc/1/ns/mnt)" ] || fail "$EXIT_UNSUPPORTED" \
    "$BPF_MOUNT is no BPF file system in this mount namespace ('ip netns exec' hides it)" \
    "Enter the network namespace alone: nsenter --net=/run/netns/NAME $0 ..."
  mount -t bpf bpf "$BPF_MOUNT" || fail "$EXIT_UNSUPPORTED" "cannot mount the BPF file system at $BPF_MOUNT" "The kernel needs CONFIG_BPF_SYSCALL."
  say_change "BPF file system mounted at $BPF_MOUNT"
}

# Leaves the object for $hook in $state/object: the one given, else compiled, else the one that stands beside this script.
build_object() {
  if [ -n "$object" ]; then
    cp -- "$object" "$state/object" || fail "$EXIT_FAILED" "cannot read the object $object" "Give a readable file, or leave --object out to compile."
  elif command -v "${CLANG:-clang}" >/dev/null 2>&1; then
    # The folder of asm/types.h differs by distribution; an -I that does not exist is harmless.
    (cd "$here" && "${CLANG:-clang}" -O2 -g -Wall -Werror -target bpf -mcpu=v3 "-I/usr/include/$(uname -m)-linux-gnu" \
      -c "decap_$hook.c" -o "$state/object") || fail "$EXIT_FAILED" "clang refused $here/decap_$hook.c" \
      "If headers are missing: apt install libbpf-dev linux-libc-dev. Or give a built object: --object FILE."
  elif [ -f "$here/decap_$hook.o" ]; then
    cp "$here/decap_$hook.o" "$state/object"
  else
    fail "$EXIT_UNSUPPORTED" "clang is not installed" "Install it (Debian, Ubuntu: apt install clang libbpf-dev), or give a built object: --object FILE."
  fi
}

# Id of the program in the folder $pins/$1; nothing when there is none.
program_id() { [ -z "$1" ] || bpftool prog show pinned "$pins/$1/program" 2>/dev/null | sed -n '1s/:.*//p'; }

# Ids of all XDP programs on the device, whatever the mode.
xdp_ids() { ip link show dev "$device" 2>/dev/null | sed -n 's/.*prog\/xdp[a-z]* id \([0-9]*\).*/\1/p' | tr '\n' ' '; }

# Priority of the filter at tc ingress that runs program $1; nothing when none does.
tc_pref() {
  [ -z "$1" ] || tc filter show dev "$device" ingress 2>/dev/null | sed -n "s/.* pref \([0-9]*\) bpf .* id $1 .*/\1/p"
}

# folder_is_attached FOLDER: whether its program is in force on the device. Leaves the id in attached_id.
folder_is_attached() {
  attached_id=$(program_id "$1")
  [ -n "$attached_id" ] || return 1
  case $1 in
    xdp-*) in_list "$attached_id" "$(xdp_ids)" ;;
    *) [ -n "$(tc_pref "$attached_id")" ] ;;
  esac
}

program_is_attached() { folder_is_attached "$(get program)"; }

# All folders of ours: one, or more after an interrupted run.
our_folders() {
  for our_folder in "$pins"/*; do
    [ ! -d "$our_folder" ] || say "${our_folder##*/}"
  done
}

# map_edit update|delete FOLDER MAP ADDRESS
map_edit() {
  # shellcheck disable=SC2046
  set -- "$1" "$2/$3" "$4" $([ "$1" = delete ] || printf 'value hex 01 00 00 00')
  map_edit_verb=$1 map_edit_pin=$2 map_edit_address=$3
  shift 3
  # shellcheck disable=SC2046
  bpftool map "$map_edit_verb" pinned "$map_edit_pin" key hex $(address_key "$map_edit_address") "$@" \
    || fail "$EXIT_FAILED" "cannot $map_edit_verb $map_edit_address in map ${map_edit_pin##*/}" "At most 1024 addresses fit."
}

map_has() {
  # shellcheck disable=SC2046
  bpftool map lookup pinned "$1/$2" key hex $(address_key "$3") 2>/dev/null | grep -q value
}

# fill_map FOLDER MAP WANTED BEFORE QUIET: the map holds what is wanted, and no more of what was before.
fill_map() {
  for fill_address in $3; do
    map_has "$1" "$2" "$fill_address" && continue
    map_edit update "$1" "$2" "$fill_address"
    [ "$5" = quiet ] || say_change "map $2: $fill_address added"
  done
  for fill_address in $(without "$4" "$3"); do
    map_has "$1" "$2" "$fill_address" || continue
    map_edit delete "$1" "$2" "$fill_address"
    [ "$5" = quiet ] || say_change "map $2: $fill_address removed"
  done
}

# fill_maps FOLDER VIPS-BEFORE QUIET
fill_maps() {
  fill_maps_addresses=$(host_addresses)
  [ -n "$fill_maps_addresses" ] || fail "$EXIT_FAILED" "this host has no address besides the VIPs" "Give $device its address first, then run this again."
  [ -z "$vips6" ] || [ -n "$(of_family 6 "$fill_maps_addresses")" ] || fail "$EXIT_FAILED" \
    "this host has no IPv6 address besides the VIPs, and IPv6 comes wrapped in IPv6 alone" "Give $device its IPv6 address first, then run this again."
  fill_map "$1" addresses "$fill_maps_addresses" "$(get addresses)" "$3"
  put addresses "$fill_maps_addresses"
  fill_map "$1" vips "$vips" "$2" "$3"
  case $other in
    drop) fill_maps_other=1 ;;
    *) fill_maps_other=0 ;;
  esac
  if ! bpftool map lookup pinned "$1/config" key hex 00 00 00 00 2>/dev/null | grep -q "\"other\": $fill_maps_other"; then
    bpftool map update pinned "$1/config" key hex 00 00 00 00 value hex "0$fill_maps_other" 00 00 00 \
      || fail "$EXIT_FAILED" "cannot write the map config" "See the line above."
    [ "$3" = quiet ] || say_change "other tunnel packets: $other"
  fi
}

# Loads $state/object into the new folder $pins/$1.
load_program() {
  mkdir -p "$pins/$1" || fail "$EXIT_FAILED" "cannot make $pins/$1" "Is $BPF_MOUNT writable?"
  if ! load_log=$(bpftool prog load "$state/object" "$pins/$1/program" pinmaps "$pins/$1" 2>&1); then
    rm -rf "${pins:?}/$1"
    printf '%s\n' "$load_log" | tail -n 5 >&2
    fail "$EXIT_UNSUPPORTED" "the kernel $(uname -r) refused decap_$hook" "See above. xdp wants Linux 5.18; --hook tc wants less."
  fi
  load_name=$(bpftool prog show pinned "$pins/$1/program" | sed -n '1s/.* name \([^ ]*\).*/\1/p')
  if [ "$load_name" != "decap_$hook" ]; then
    rm -rf "${pins:?}/$1"
    fail "$EXIT_USAGE" "the object holds the program $load_name, --hook $hook wants decap_$hook" "Give the object that belongs to the hook."
  fi
}

# Brings the decapsulator that was asked for into force; $1: VIPs before this run.
ensure_program() {
  build_object
  ensure_digest=$(sha256sum <"$state/object" | cut -d ' ' -f 1)
  ensure_old=$(get program)
  if [ -n "$(program_id "$ensure_old")" ] && [ "${ensure_old%-*}" = "$hook" ] && [ "$(get digest)" = "$ensure_digest" ]; then
    fill_maps "$pins/$ensure_old" "$1" loud
    program_is_attached || attach_program "$ensure_old"
  else
    ensure_new=$hook-$((${ensure_old##*-} + 1))
    while [ -e "$pins/$ensure_new" ]; do
      ensure_new=$hook-$((${ensure_new##*-} + 1))
    done
    load_program "$ensure_new"
    fill_maps "$pins/$ensure_new" '' quiet
    attach_program "$ensure_new"
    put program "$ensure_new"
    put digest "$ensure_digest"
  fi
  for ensure_folder in $(our_folders); do
    [ "$ensure_folder" = "$(get program)" ] || remove_folder "$ensure_folder"
  done
}

check_program() {
  program_is_attached || fail "$EXIT_FAILED" "decap_$hook is not attached to $device" "Something else took it off: find that, and run this again."
  case $hook in
    tc) say_fact program "decap_tc, id $attached_id, on $device at tc ingress, pref $(tc_pref "$attached_id")" ;;
    xdp) say_fact program "decap_xdp, id $attached_id, on $device as $(xdp_mode)" ;;
  esac
  for check_address in $(get addresses); do
    map_has "$pins/$(get program)" addresses "$check_address" || fail "$EXIT_FAILED" "$check_address is not in map addresses" "Run uninstall.sh, then this again."
  done
  for check_address in $vips; do
    map_has "$pins/$(get program)" vips "$check_address" || fail "$EXIT_FAILED" "$check_address is not in map vips" "Run uninstall.sh, then this again."
  done
  say_fact takes "tunnel packets to $(get addresses) for $vips; others: $other"
}
