# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The VIPs on lo, the device's sysctls, and who answers for a VIP on the link. Sourced, after common.sh and address.sh.
# A VIP stands on lo with /32 or /128: this host takes its packets and sends from it, and no network becomes reachable by it.
# Invariant: only what this tool added is removed; a value that somebody changed since is left alone.

vip_is_on_lo() { [ -n "$(ip -"$(family_of "$1")" -o address show dev lo to "$(as_prefix "$1")" 2>/dev/null)" ]; }

# State folders of the other devices of this namespace.
sibling_states() {
  for sibling in "$STATE_ROOT/$namespace"-*; do
    [ "$sibling" = "$state" ] || [ ! -d "$sibling" ] || say "$sibling"
  done
}

# IPv6 is not checked for duplicates (nodad: on lo there is nobody to ask) and deprecated (preferred_lft 0): what this host
# begins itself then never goes out from a VIP (RFC 6724, rule 3); what a server bound to it sends does.
add_vip() {
  if ! vip_is_on_lo "$1"; then
    add_vip_device=$(ip -"$(family_of "$1")" -o address show to "$(as_prefix "$1")" | awk '{ print $2; exit }')
    [ -z "$add_vip_device" ] || fail "$EXIT_FAILED" "VIP $1 is an address of $add_vip_device" \
      "A VIP must not be a backend's own address: remove it there (ip address del $1 dev $add_vip_device) or give another VIP."
    put vips-added "$(get vips-added) $1"
  fi
  in_list "$1" "$(get vips)" || put vips "$(get vips) $1"
  vip_is_on_lo "$1" && return
  case $1 in
    *:*) ip address add "$(as_prefix "$1")" dev lo nodad preferred_lft 0 ;;
    *) ip address add "$(as_prefix "$1")" dev lo ;;
  esac || fail "$EXIT_FAILED" "cannot add $(as_prefix "$1") to lo" "See the line above."
  say_change "VIP $(as_prefix "$1") added to lo"
}

# Takes the VIP from lo if this tool put it there and no other device needs it; else the other device inherits it.
remove_vip() {
  if in_list "$1" "$(get vips-added)"; then
    remove_vip_heir=
    for remove_vip_state in $(sibling_states); do
      if in_list "$1" "$(cat "$remove_vip_state/vips" 2>/dev/null)"; then
        remove_vip_heir=$remove_vip_state
      fi
    done
    if [ -n "$remove_vip_heir" ]; then
      say "$(cat "$remove_vip_heir/vips-added" 2>/dev/null) $1" >"$remove_vip_heir/vips-added"
      say_fact kept "VIP $1 on lo: ${remove_vip_heir##*/"$namespace"-} serves it too"
    elif vip_is_on_lo "$1" && ip address del "$(as_prefix "$1")" dev lo; then
      say_change "VIP $(as_prefix "$1") removed from lo"
    fi
  fi
  put vips "$(without "$(get vips)" "$1")"
  put vips-added "$(without "$(get vips-added)" "$1")"
}

# Addresses that the load balancer may send tunnel packets to: all of this namespace that last, but no VIP.
host_addresses() {
  host_vips="$vips $(get vips)"
  for host_state in $(sibling_states); do
    host_vips="$host_vips $(cat "$host_state/vips" 2>/dev/null)"
  done
  without "$(ip -o address show scope global | awk '/ (dadfailed|temporary) / { next } { sub("/.*", "", $4); print $4 }' | sort -u | tr '\n' ' ')" "$host_vips"
}

read_sysctl() { cat "/proc/sys/net/ipv4/conf/$1/$2" 2>/dev/null; }

# The value in force: the kernel takes the greater of the device's and that of "all" (Documentation/networking/ip-sysctl.rst).
effective_sysctl() {
  effective_all=$(read_sysctl all "$1")
  effective_device=$(read_sysctl "$device" "$1")
  if [ "${effective_all:-0}" -gt "${effective_device:-0}" ]; then say "$effective_all"; else say "${effective_device:-0}"; fi
}

# Whether the value $2 of sysctl $1 serves.
sysctl_serves() {
  case $1 in
    rp_filter) [ "$2" -ne 1 ] ;;  # strict drops clients whose way back is another device
    arp_ignore) [ "$2" -ge 1 ] ;; # 0 answers ARP for the VIP on lo and takes it from the load balancer
    arp_announce) [ "$2" -ge 2 ] ;; # less may name the VIP as sender in ARP requests
  esac
}

ensure_sysctls() {
  for ensure_name in rp_filter arp_ignore arp_announce; do
    ensure_now=$(effective_sysctl "$ensure_name")
    sysctl_serves "$ensure_name" "$ensure_now" && continue
    case $ensure_name in
      arp_ignore) ensure_value=1 ;;
      *) ensure_value=2 ;;
    esac
    ensure_before=$(read_sysctl "$device" "$ensure_name")
    [ -f "$state/sysctl-$ensure_name" ] || put "sysctl-$ensure_name" "$ensure_before $ensure_value"
    printf '%s\n' "$ensure_value" >"/proc/sys/net/ipv4/conf/$device/$ensure_name" \
      || fail "$EXIT_FAILED" "cannot write net.ipv4.conf.$device.$ensure_name" "In a container /proc/sys may be read-only: set it to $ensure_value from outside."
    say_change "sysctl net.ipv4.conf.$device.$ensure_name $ensure_before -> $ensure_value"
  done
}

restore_sysctls() {
  for restore_name in rp_filter arp_ignore arp_announce; do
    [ -f "$state/sysctl-$restore_name" ] || continue
    restore_now=$(read_sysctl "$device" "$restore_name")
    read -r restore_before restore_set <"$state/sysctl-$restore_name"
    if [ "$restore_now" = "$restore_set" ]; then
      printf '%s\n' "$restore_before" >"/proc/sys/net/ipv4/conf/$device/$restore_name" \
        && say_change "sysctl net.ipv4.conf.$device.$restore_name $restore_now -> $restore_before"
    elif [ -n "$restore_now" ]; then
      say_fact kept "sysctl net.ipv4.conf.$device.$restore_name = $restore_now: changed by somebody since"
    fi
    forget "sysctl-$restore_name"
  done
}

# Exits when the kernel of this host takes no IPv6 on the device or on lo. Nothing is switched on behind the owner's back.
require_ipv6() {
  for require_device in lo "$device"; do
    [ "$(cat "/proc/sys/net/ipv6/conf/$require_device/disable_ipv6" 2>/dev/null)" = 0 ] || fail "$EXIT_UNSUPPORTED" \
      "IPv6 is off on $require_device, and there are IPv6 VIPs" "sysctl net.ipv6.conf.$require_device.disable_ipv6=0, or give IPv4 VIPs alone."
  done
}

# Whether this host would answer neighbour solicitations for the VIP $1 on the device. For an address of lo alone the kernel
# does not (unlike ARP: RFC 4861, 7.2.3 wants the address on the receiving interface); a proxy entry is the one exception.
ndp_would_answer() { [ -n "$(ip -6 neighbour show proxy "$1" dev "$device" 2>/dev/null)" ]; }

refuse_ndp_proxy() {
  for proxy_vip in $1; do
    ! ndp_would_answer "$proxy_vip" || fail "$EXIT_FAILED" "this host is NDP proxy for VIP $proxy_vip on $device: it would take it from the load balancer" \
      "Remove the entry: ip -6 neighbour del proxy $proxy_vip dev $device"
  done
}

# note_mtu_of FAMILY OUTER-BYTES INNER-BYTES: outer header; inner IP and TCP header.
note_mtu_of() {
  [ "${note_mtu_value:-0}" -lt $((1500 + $2)) ] || return
  ! ip -"$1" route show table all | grep -q advmss || return
  say_fact note "MTU of $device is $note_mtu_value: full IPv$1 segments of clients and $2 bytes of outer header do not fit."
  say_fact '' "Raise it to $((1500 + $2)) from the load balancer to here, or put 'advmss $((note_mtu_value - $2 - $3))' on the IPv$1 routes to the clients."
}

# A client sends segments for its own MTU; with an outer header they do not fit a path of the same MTU (docs/backends.md).
note_mtu() {
  note_mtu_value=$(ip -o link show dev "$device" | sed -n 's/.* mtu \([0-9]*\) .*/\1/p')
  note_mtu_outer=20
  [ -n "$(of_family 4 "$(get addresses)")" ] || note_mtu_outer=40
  [ -z "$(of_family 4 "$vips")" ] || note_mtu_of 4 "$note_mtu_outer" 40
  [ -z "$(of_family 6 "$vips")" ] || note_mtu_of 6 40 60
}

# Says what holds now, read from the kernel; exits when something does not.
check_network() {
  for check_vip in $vips; do
    vip_is_on_lo "$check_vip" || fail "$EXIT_FAILED" "VIP $check_vip is not on lo" "Something else manages lo: exempt the VIP there and run this again."
    say_fact vip "$check_vip on lo"
  done
  if [ -n "$(of_family 4 "$vips")" ]; then
    for check_name in rp_filter arp_ignore arp_announce; do
      check_value=$(effective_sysctl "$check_name")
      sysctl_serves "$check_name" "$check_value" \
        || fail "$EXIT_FAILED" "sysctl $check_name of $device is $check_value in force" "Something else sets it: look in /etc/sysctl.d."
      say_fact sysctl "$check_name of $device = $check_value in force"
    done
  fi
  if [ -n "$(of_family 6 "$vips")" ]; then
    refuse_ndp_proxy "$(of_family 6 "$vips")"
    say_fact ndp "no answer on $device for $(of_family 6 "$vips")"
  fi
}
