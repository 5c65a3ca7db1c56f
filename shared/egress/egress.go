// Package egress makes HTTP requests to URLs that users give. It connects only to public addresses,
// so that a URL cannot make the platform call its own network, its own host or a cloud's metadata
// service (OWASP Server-Side Request Forgery Prevention).
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"

	"function/shared/fault"
)

// MaxURL is the maximum length of a URL in bytes.
const MaxURL = 2048

const (
	maxRedirects   = 5
	connectTimeout = 10 * time.Second
	headerTimeout  = 60 * time.Second
)

// reserved are the networks that are not public (IANA special-purpose address registries), and the
// address at which Azure serves its virtual machines. Of IPv6, only 2000::/3 is public.
var reserved = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
)

var global = netip.MustParsePrefix("2000::/3")

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// IsPublic reports whether an address belongs to a host on the Internet.
func IsPublic(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.Zone() != "" || a.Is6() && !global.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}

// ErrPrivate is returned for a host that is not on the Internet.
var ErrPrivate = fault.At("body.url", "the host of this URL, or of one that it redirects to, has an address that is not public: only hosts on the Internet can be reached")

// Check returns an error unless a URL is an absolute http or https URL without credentials. The
// addresses of its host are checked when a connection is made.
func Check(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > MaxURL:
		return nil, fault.At("body.url", "this is not a URL of at most %d characters", MaxURL)
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, fault.At("body.url", "the URL must begin with https:// or http:// and a host")
	case u.User != nil:
		return nil, fault.At("body.url", "the URL must not have a user name or password")
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && a.Zone() != "" {
		return nil, ErrPrivate
	}
	return u, nil
}

// NewClient returns a client that connects to public addresses, and to those in allowed. It checks
// the address that a name has resolved to when it connects, so a name cannot change its address
// between check and use. It follows up to five redirects, each of which is checked, but none from
// https to http. It uses no proxy and does not decompress responses.
func NewClient(allowed []netip.Prefix) *http.Client {
	dialer := &net.Dialer{Timeout: connectTimeout, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("parse address: %w", err)
		}
		at := to.Addr().Unmap()
		if IsPublic(at) || slices.ContainsFunc(allowed, func(p netip.Prefix) bool { return p.Contains(at) }) {
			return nil
		}
		return ErrPrivate
	}}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, DisableCompression: true, DisableKeepAlives: true,
			TLSHandshakeTimeout: connectTimeout, ResponseHeaderTimeout: headerTimeout, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(next *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fault.At("body.url", "the server redirects more than %d times", maxRedirects)
			}
			if _, err := Check(next.URL.String()); err != nil {
				return fault.At("body.url", "the server redirects to a URL that is not allowed").Because(err)
			}
			if via[len(via)-1].URL.Scheme == "https" && next.URL.Scheme != "https" {
				return fault.At("body.url", "the server redirects from https to http, which is not followed")
			}
			next.Header.Del("Referer")
			return nil
		},
	}
}

// Refusal returns the fault in an error of the client, or nil if the server or the network caused
// the error.
func Refusal(err error) *fault.Error {
	var f *fault.Error
	if errors.As(err, &f) {
		return f
	}
	return nil
}
