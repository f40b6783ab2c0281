#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes this machine a backend of Fairlead's DSR mode: VIPs on lo, sysctls, and for IPIP the decapsulator on one device.
# Run twice with the same arguments it changes nothing; with others it changes what differs. uninstall.sh undoes it.
# Invariant: after exit status 0 everything that it says was read back from the kernel; a first install that fails is undone.
set -u
PATH=$PATH:/usr/sbin:/sbin
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
for part in common address network program attach status; do
  . "$here/lib/$part.sh"
done

usage() {
  cat <<'END'
Usage: install.sh --device DEVICE --vip ADDRESS[,ADDRESS...] [options]
       install.sh --device DEVICE --status

Makes this Linux machine a backend for Fairlead in DSR mode, IPv4 and IPv6.

  --device DEVICE       device on which the load balancer's packets arrive
  --vip ADDRESS[,...]   virtual addresses that this backend serves, IPv4 and
                        IPv6; can be given more than once
  --dispatch ipip|l2    how the load balancer forwards (default: ipip)
  --hook tc|xdp         where the outer header is taken off (default: tc)
  --other pass|drop     what happens to other tunnel packets to this host: for
                        no VIP, or malformed (default: pass)
  --object FILE         built decap_tc.o or decap_xdp.o (default: compile it)
  --status              print what is in force and the counters
  --help                print this text

Exit status: 0 done, 1 failed, 2 wrong usage, 3 not supported here,
4 no permission.
END
}

# one_of NAME VALUE CHOICES
one_of() { in_list "$2" "$3" || fail_usage "$1 '$2' is none of: $3"; }

device='' vips='' dispatch=ipip hook=tc other=pass object='' status_only=
while [ $# -gt 0 ]; do
  case $1 in
    --*=*)
      split=$1
      shift
      set -- "${split%%=*}" "${split#*=}" "$@"
      ;;
  esac
  case $1 in
    --help | -h) usage && exit 0 ;;
    --status) status_only=yes && shift && continue ;;
    --device | --vip | --dispatch | --hook | --other | --object) [ $# -ge 2 ] || fail_usage "$1 wants a value" ;;
    *) fail_usage "unknown argument '$1'" ;;
  esac
  case $1 in
    --device) device=$2 ;;
    --vip) vips=$vips,$2 ;;
    --dispatch) dispatch=$2 ;;
    --hook) hook=$2 ;;
    --other) other=$2 ;;
    --object) object=$2 ;;
  esac
  shift 2
done
[ -n "$device" ] || fail_usage "--device is missing"
one_of --dispatch "$dispatch" "ipip l2"
one_of --hook "$hook" "tc xdp"
one_of --other "$other" "pass drop"
# Unquoted words are read here: no pattern in them may become file names.
set -f
given=$(printf %s "$vips" | tr ', ' '\n\n')
vips=
for vip in $given; do
  canonical=$(canonical_address "$vip") || fail_usage "VIP '$vip' is neither an IPv4 nor an IPv6 address"
  check_vip "$canonical"
  in_list "$canonical" "$vips" || vips="$vips $canonical"
done
set +f
vips=${vips# }
[ -n "$vips" ] || [ -n "$status_only" ] || fail_usage "--vip is missing"

require_root
require_tool ip iproute2
require_tool tc iproute2
require_tool bpftool bpftool
open_names
if [ -n "$status_only" ]; then
  print_status
  exit
fi
device_exists || fail "$EXIT_FAILED" "there is no device $device in this network namespace" "ip link lists them."
case $(ip link show dev "$device") in
  *link/ether*) ;;
  *) fail "$EXIT_UNSUPPORTED" "$device is no Ethernet device" "Give the device that the load balancer's frames arrive on." ;;
esac
case $(ip link show dev lo) in
  *[\<,]UP[,\>]*) ;;
  *) fail "$EXIT_FAILED" "lo is down: no VIP on it would take packets" "ip link set dev lo up" ;;
esac
vips6=$(of_family 6 "$vips")
[ -z "$vips6" ] || require_ipv6
refuse_ndp_proxy "$vips6"
[ "$dispatch" = l2 ] || ensure_bpffs

if [ -d "$state" ] && state_is_stale; then
  say_fact note "saved state of an earlier namespace or start is dropped"
  drop_state
fi
first=
[ -d "$state" ] || first=yes
end() {
  end_status=$?
  trap - EXIT INT TERM HUP
  if [ "$end_status" -ne 0 ] && [ -n "$first" ]; then
    printf 'install.sh: undoing what was done\n' >&2
    undo_all >&2
  fi
  exit "$end_status"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mkdir -p "$state" || fail "$EXIT_FAILED" "cannot make $state" "Is /run full?"
put identity "$(identity)"
vips_before=$(get vips)
# The sysctls first: with them in place no ARP answer for a VIP leaves this host. IPv6 needs none (lib/network.sh).
[ -z "$(of_family 4 "$vips")" ] || ensure_sysctls
for vip in $vips; do
  add_vip "$vip"
done
if [ "$dispatch" = ipip ]; then
  ensure_program "$vips_before"
else
  remove_program
fi
for vip in $(without "$vips_before" "$vips"); do
  remove_vip "$vip"
done
[ -n "$(of_family 4 "$vips")" ] || restore_sysctls
put dispatch "$dispatch"
put hook "$hook"
put other "$other"

[ "$dispatch" = l2 ] || check_program
check_network
[ "$dispatch" = l2 ] || note_mtu
if [ "$changes" -eq 0 ]; then say "nothing to change"; else say "done"; fi
