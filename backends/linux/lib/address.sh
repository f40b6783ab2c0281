# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Addresses of both families as text: read, brought to one form, turned into keys of the maps. Sourced, after common.sh.
# Every question about a family is answered here, so that the rest has no case for IPv4 and IPv6.
# Invariant: after canonical_address two texts are the same when the addresses are, and are what `ip address` prints.

is_ipv4() {
  printf '%s\n' "$1" | awk -F. '
    NF != 4 { exit 1 }
    { for (i = 1; i <= 4; i++) if ($i !~ /^(0|[1-9][0-9]?[0-9]?)$/ || $i > 255) exit 1 }'
}

# The eight groups of an IPv6 address, in hex without leading zeros; fails when it is none.
ipv6_groups() {
  case $1 in
    *[!0-9A-Fa-f:.]* | *:::* | *::*::*) return 1 ;;
  esac
  ipv6_text=$1
  case $ipv6_text in
    *.*) # the last two groups as an IPv4 address (RFC 4291, 2.2)
      is_ipv4 "${ipv6_text##*:}" || return 1
      # shellcheck disable=SC2046
      ipv6_text=${ipv6_text%:*}:$(printf '%02x%02x:%02x%02x' $(printf %s "${ipv6_text##*:}" | tr . ' '))
      ;;
  esac
  printf '%s\n' "$ipv6_text" | tr A-F a-f | awk '
    function groups(text, into,   count, i) {
      count = text == "" ? 0 : split(text, into, ":")
      for (i = 1; i <= count; i++) {
        if (into[i] !~ /^[0-9a-f][0-9a-f]?[0-9a-f]?[0-9a-f]?$/) exit 1
        sub(/^0+/, "", into[i])
        if (into[i] == "") into[i] = "0"
      }
      return count
    }
    {
      gap = index($0, "::")
      count = groups(gap ? substr($0, 1, gap - 1) : $0, head)
      rest = gap ? groups(substr($0, gap + 2), tail) : 0
      if (gap ? count + rest > 7 : count != 8) exit 1
      for (i = 1; i <= 8; i++) text = text (i <= count ? head[i] : (i > 8 - rest ? tail[i - 8 + rest] : "0")) " "
      print text
    }'
}

# The one form of an address: RFC 5952 for IPv6 (the longest run of two or more zero groups, the first of equal ones, is "::").
canonical_address() {
  case $1 in
    *:*) ;;
    *)
      is_ipv4 "$1" && say "$1"
      return
      ;;
  esac
  canonical_groups=$(ipv6_groups "$1") || return 1
  say "$canonical_groups" | awk '
    {
      for (i = 1; i <= NF; i++) {
        run = $i == "0" ? run + 1 : 0
        if (run > best && run > 1) { best = run; end = i }
      }
      for (i = 1; i <= NF; i++) {
        if (best && i == end - best + 1) { text = text "::"; i = end } else text = text (text == "" || text ~ /:$/ ? "" : ":") $i
      }
      print text
    }'
}

# Exits unless $1, in its one form, can be a VIP.
check_vip() {
  case $1 in
    0.* | 127.* | 22[4-9].* | 23[0-9].* | 24[0-9].* | 25[0-5].*) fail_usage "VIP $1 is no unicast address" ;;
    ff*:*) fail_usage "VIP $1 is no unicast address" ;;
    fe[89ab]?:*) fail_usage "VIP $1 is link-local: no client beyond the link reaches it" ;;
    # Among them the unspecified and the loopback address, and those that hold an IPv4 address.
    ::*) fail_usage "VIP $1 is reserved (RFC 4291, 2.4)" ;;
  esac
}

# 4 or 6.
family_of() {
  case $1 in
    *:*) say 6 ;;
    *) say 4 ;;
  esac
}

# The address with the prefix of itself alone.
as_prefix() {
  case $1 in
    *:*) say "$1/128" ;;
    *) say "$1/32" ;;
  esac
}

# of_family 4|6 ADDRESSES
of_family() {
  of_family_result=
  for of_family_address in $2; do
    [ "$(family_of "$of_family_address")" != "$1" ] || of_family_result="$of_family_result $of_family_address"
  done
  say "${of_family_result# }"
}

# The 16 bytes of a key of the maps vips and addresses, in hex; IPv4 as an IPv4-mapped address.
address_key() {
  case $1 in
    *:*)
      # shellcheck disable=SC2046
      printf '%04x ' $(ipv6_groups "$1" | sed 's/[^ ][^ ]*/0x&/g') | sed 's/\(..\)\(..\) /\1 \2 /g'
      ;;
    *)
      # shellcheck disable=SC2046
      printf '00 00 00 00 00 00 00 00 00 00 ff ff %02x %02x %02x %02x' $(printf %s "$1" | tr . ' ')
      ;;
  esac
}
