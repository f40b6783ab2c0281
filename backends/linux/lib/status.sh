# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# install.sh --status: what is in force on the device, and the decapsulator's counters, summed over the CPUs.
# Sourced, after the others. Changes nothing. The reasons' names come from the map's own BTF description.

# Reads `bpftool map dump` of counters on standard input, prints one line a reason.
print_counters() {
  awk '
    /"[a-z0-9_]+": *\{/ { name = $1; gsub(/[":{]/, "", name) }
    /"packets":/ { packets[name] += $2; if (!(name in seen)) { seen[name] = 1; order[++count] = name } }
    /"bytes":/ { bytes[name] += $2 }
    END {
      printf "\n%-18s %14s %18s\n", "reason", "packets", "bytes"
      for (i = 1; i <= count; i++) printf "%-18s %14d %18d\n", order[i], packets[order[i]], bytes[order[i]]
    }'
}

print_status() {
  [ -d "$state" ] && ! state_is_stale || fail "$EXIT_FAILED" "nothing is installed for $device in this network namespace" "Run install.sh --device $device --vip ADDRESS first."
  status_result=0
  say_fact dispatch "$(get dispatch)"
  for status_vip in $(get vips); do
    if vip_is_on_lo "$status_vip"; then
      say_fact vip "$status_vip on lo"
    else
      say_fact MISSING "$status_vip is not on lo"
      status_result=$EXIT_FAILED
    fi
  done
  for status_vip in $(of_family 6 "$(get vips)"); do
    ndp_would_answer "$status_vip" || continue
    say_fact WRONG "this host is NDP proxy for $status_vip on $device"
    status_result=$EXIT_FAILED
  done
  [ "$(get dispatch)" = ipip ] || return "$status_result"
  say_fact takes "tunnel packets to $(get addresses); others: $(get other)"
  if program_is_attached; then
    say_fact program "decap_$(get hook), id $attached_id, attached to $device"
  else
    say_fact MISSING "decap_$(get hook) is not attached to $device"
    status_result=$EXIT_FAILED
  fi
  bpftool map dump pinned "$pins/$(get program)/counters" | print_counters
  return "$status_result"
}
