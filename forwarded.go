// The user's address behind proxies, from X-Forwarded-For.

package analytics

import (
	"net/netip"
	"strings"
)

// forwardedFor returns the address a request came from. It starts at the
// connection and, as long as the address in hand is a trusted proxy, believes
// what that proxy appended to X-Forwarded-For, whose lines are in order of
// arrival. It stops at the first address that is not trusted and before the
// first entry that is no address, so nothing a user wrote is ever believed.
// The result is invalid when remote is no address.
func forwardedFor(remote string, lines []string, trusted []netip.Prefix) netip.Addr {
	addr := parseAddr(remote)
	for i := len(lines) - 1; i >= 0; i-- {
		rest, more := lines[i], true
		for more {
			if !isTrusted(addr, trusted) {
				return addr
			}
			entry := rest
			comma := strings.LastIndexByte(rest, ',')
			if more = comma >= 0; more {
				rest, entry = rest[:comma], rest[comma+1:]
			}
			next := parseAddr(strings.Trim(entry, " \t"))
			if !next.IsValid() {
				return addr
			}
			addr = next
		}
	}
	return addr
}

// parseAddr reads an address with or without a port, as a connection has it and
// as some proxies write it, and drops the zone, which means nothing elsewhere.
func parseAddr(s string) netip.Addr {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		if port, err := netip.ParseAddrPort(s); err == nil {
			addr = port.Addr()
		} else if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
			addr, _ = netip.ParseAddr(s[1 : len(s)-1])
		}
	}
	return addr.WithZone("").Unmap()
}

// isTrusted reports whether a prefix holds addr. A prefix of IPv4-mapped
// addresses stands for the IPv4 prefix it maps, as addr is never a mapped one.
func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
