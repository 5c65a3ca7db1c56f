package client_test

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"function/shared/client"
)

func TestOf_TrustedProxies_AddressIsTheLastOutsideThem(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8")}
	for name, test := range map[string]struct {
		remote, forwarded string
		address, network  string
	}{
		"through a tunnel, with a claim": {"127.0.0.1:1", "203.0.113.9, 127.0.0.1, 10.0.0.2", "127.0.0.1", "127.0.0.0/24"},
		"through a proxy beside it":      {"127.0.0.1:1", "198.51.100.1, 10.0.0.2", "198.51.100.1", "198.51.100.0/24"},
		"direct":                         {"192.0.2.7:1234", "", "192.0.2.7", "192.0.2.0/24"},
		"direct, with a claim":           {"192.0.2.7:1234", "198.51.100.1", "192.0.2.7", "192.0.2.0/24"},
		"one proxy":                      {"10.0.0.1:1", "198.51.100.1", "198.51.100.1", "198.51.100.0/24"},
		"one proxy, with a claim":        {"10.0.0.1:1", "203.0.113.9, 198.51.100.1", "198.51.100.1", "198.51.100.0/24"},
		"three proxies":                  {"10.0.0.1:1", "203.0.113.9,198.51.100.1, 10.0.0.2, 10.0.0.3", "198.51.100.1", "198.51.100.0/24"},
		"from within":                    {"10.0.0.1:1", "10.0.0.5, 10.0.0.2", "10.0.0.5", "10.0.0.0/24"},
		"a proxy that tells nothing":     {"10.0.0.1:1", "", "10.0.0.1", "10.0.0.0/24"},
		"IPv6":                           {"[2001:db8:1:2::3%eth0]:1", "", "2001:db8:1:2::3", "2001:db8:1::/48"},
		"IPv4 in IPv6":                   {"[::ffff:192.0.2.7]:1", "", "192.0.2.7", "192.0.2.0/24"},
		"nothing known":                  {"pipe", "198.51.100.1", "invalid IP", ""},
		"with a port":                    {"10.0.0.1:1", "203.0.113.9:4711, 198.51.100.1:50312, 10.0.0.2:80", "198.51.100.1", "198.51.100.0/24"},
		"IPv6 with a port":               {"10.0.0.1:1", "[2001:db8:1:2::3]:50312", "2001:db8:1:2::3", "2001:db8:1::/48"},
		"IPv6 in brackets":               {"10.0.0.1:1", "[2001:db8:1:2::3]", "2001:db8:1:2::3", "2001:db8:1::/48"},
		"IPv6, forwarded":                {"10.0.0.1:1", "2001:db8:1:2::3", "2001:db8:1:2::3", "2001:db8:1::/48"},
		"a port alone":                   {"10.0.0.1:1", ":443", "10.0.0.1", "10.0.0.0/24"},
		"garbage":                        {"10.0.0.1:1", "' OR 1=1 --", "10.0.0.1", "10.0.0.0/24"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = test.remote
		if test.forwarded != "" {
			r.Header.Set("X-Forwarded-For", test.forwarded)
		}
		c := client.Of(r, trusted)
		if got := c.Address.String(); got != test.address || c.Network() != test.network {
			t.Errorf("%s: %s in %s, want %s in %s", name, got, c.Network(), test.address, test.network)
		}
	}
}

func TestOf_LongUserAgent_IsCut(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("User-Agent", strings.Repeat("é", 500)+"\xff")
	if got := client.Of(r, nil).UserAgent; len(got) != 256 || strings.Trim(got, "é") != "" {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestSource_IsTheKeyOfLimits(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "10.0.0.5": "10.0.0.5", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"127.0.0.1": "", "::1": "",
	} {
		if got := (client.Client{Address: netip.MustParseAddr(address)}).Source(); got != want {
			t.Errorf("source of %s: %q, want %q", address, got, want)
		}
	}
	if got := (client.Client{}).Source(); got != "" {
		t.Errorf("source of nobody known: %q", got)
	}
}
