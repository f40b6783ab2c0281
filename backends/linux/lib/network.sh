# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The VIPs on lo and the device's sysctls. Sourced by install.sh and uninstall.sh, after common.sh.
# A VIP stands on lo with /32: this host takes its packets and sends from it, and no route to it appears.
# Invariant: only what this tool added is removed; a value that somebody changed since is left alone.

is_ipv4() {
  printf '%s\n' "$1" | awk -F. '
    NF != 4 { exit 1 }
    { for (i = 1; i <= 4; i++) if ($i !~ /^(0|[1-9][0-9]?[0-9]?)$/ || $i > 255) exit 1 }'
}

# Exits unless $1 can be a VIP.
check_vip() {
  case $1 in
    *:*) fail "$EXIT_UNSUPPORTED" "VIP $1: IPv6 is not supported yet" "Give IPv4 VIPs." ;;
  esac
  is_ipv4 "$1" || fail_usage "VIP '$1' is no IPv4 address"
  case $1 in
    0.* | 127.* | 22[4-9].* | 23[0-9].* | 24[0-9].* | 25[0-5].*) fail_usage "VIP $1 is no unicast address" ;;
  esac
}

vip_is_on_lo() { [ -n "$(ip -4 -o address show dev lo to "$1/32" 2>/dev/null)" ]; }

# State folders of the other devices of this namespace.
sibling_states() {
  for sibling in "$STATE_ROOT/$namespace"-*; do
    [ "$sibling" = "$state" ] || [ ! -d "$sibling" ] || say "$sibling"
  done
}

add_vip() {
  if ! vip_is_on_lo "$1"; then
    add_vip_device=$(ip -4 -o address show to "$1/32" | awk '{ print $2; exit }')
    [ -z "$add_vip_device" ] || fail "$EXIT_FAILED" "VIP $1 is an address of $add_vip_device" \
      "A VIP must not be a backend's own address: remove it there (ip address del $1 dev $add_vip_device) or give another VIP."
    put vips-added "$(get vips-added) $1"
    ip address add "$1/32" dev lo || fail "$EXIT_FAILED" "cannot add $1/32 to lo" "See the line above."
    say_change "VIP $1/32 added to lo"
  fi
  in_list "$1" "$(get vips)" || put vips "$(get vips) $1"
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
    elif vip_is_on_lo "$1" && ip address del "$1/32" dev lo; then
      say_change "VIP $1/32 removed from lo"
    fi
  fi
  put vips "$(without "$(get vips)" "$1")"
  put vips-added "$(without "$(get vips-added)" "$1")"
}

# Addresses that the load balancer may send tunnel packets to: all of this namespace, but no VIP.
host_addresses() {
  host_vips="$vips $(get vips)"
  for host_state in $(sibling_states); do
    host_vips="$host_vips $(cat "$host_state/vips" 2>/dev/null)"
  done
  without "$(ip -4 -o address show scope global | awk '{ sub("/.*", "", $4); print $4 }' | sort -u | tr '\n' ' ')" "$host_vips"
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

# A client sends segments for its own MTU; with 20 bytes of outer header they do not fit a path of the same MTU (docs/backends.md).
note_mtu() {
  note_mtu_value=$(ip -o link show dev "$device" | sed -n 's/.* mtu \([0-9]*\) .*/\1/p')
  if [ "${note_mtu_value:-0}" -lt 1520 ] && ! ip -4 route show table all | grep -q advmss; then
    say_fact note "MTU of $device is $note_mtu_value: full client segments and 20 bytes of IPIP do not fit."
    say_fact '' "Raise it to 1520 from the load balancer to here, or put 'advmss $((note_mtu_value - 60))' on the routes to the clients."
  fi
}

# Says what holds now, read from the kernel; exits when something does not.
check_network() {
  for check_vip in $vips; do
    vip_is_on_lo "$check_vip" || fail "$EXIT_FAILED" "VIP $check_vip is not on lo" "Something else manages lo: exempt the VIP there and run this again."
    say_fact vip "$check_vip on lo"
  done
  for check_name in rp_filter arp_ignore arp_announce; do
    check_value=$(effective_sysctl "$check_name")
    sysctl_serves "$check_name" "$check_value" \
      || fail "$EXIT_FAILED" "sysctl $check_name of $device is $check_value in force" "Something else sets it: look in /etc/sysctl.d."
    say_fact sysctl "$check_name of $device = $check_value in force"
  done
}
