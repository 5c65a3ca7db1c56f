// Package client identifies where a request comes from. The runtime puts it into each request's
// context, for sessions, audit entries and rate limits.
package client

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Client is the sender of a request.
type Client struct {
	Address   netip.Addr // invalid if unknown
	UserAgent string     // as sent, cut to 256 bytes; untrusted
}

const maxUserAgent = 256

// Of returns the sender of a request that passed through proxies in trusted networks, each of which
// appended the address that it saw to X-Forwarded-For. The last address outside those networks is
// the client's; the client may have forged everything before it. A loopback address is a proxy's
// only if it is the peer of the connection (Knative's queue-proxy). In the header, it is a client
// behind a tunnel, who may have forged what precedes it.
//
// Of relies on the ingress to append to the header. If the ingress passes it on unchanged, the
// client controls all of it (docs/operations.md, TRUSTED_PROXIES).
func Of(r *http.Request, trusted []netip.Prefix) Client {
	c := Client{UserAgent: strings.ToValidUTF8(r.UserAgent(), "")}
	if len(c.UserAgent) > maxUserAgent {
		c.UserAgent = strings.ToValidUTF8(c.UserAgent[:maxUserAgent], "")
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	forwarded := false // the address comes from the header
	for hop := r.RemoteAddr; ; hop, hops = hops[len(hops)-1], hops[:len(hops)-1] {
		address, err := parse(strings.TrimSpace(hop))
		if err != nil {
			return c
		}
		c.Address = address.Unmap().WithZone("")
		among := func(p netip.Prefix) bool { return p.Contains(c.Address) }
		if len(hops) == 0 || !slices.ContainsFunc(trusted, among) || forwarded && c.Address.IsLoopback() {
			return c
		}
		forwarded = true
	}
}

// parse parses an address with or without a port, which some proxies append (RFC 7239 §6).
func parse(hop string) (netip.Addr, error) {
	if both, err := netip.ParseAddrPort(hop); err == nil {
		return both.Addr(), nil
	}
	return netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
}

// Network returns the client's network, a /24 or /48, which does not identify the person. It is
// empty if the address is unknown.
func (c Client) Network() string {
	bits := 48
	if c.Address.Is4() {
		bits = 24
	}
	prefix, err := c.Address.Prefix(bits)
	if err != nil || !prefix.IsValid() {
		return ""
	}
	return prefix.String()
}

// Source returns the key of rate limits: the IPv4 address, or the IPv6 /64, the smallest network
// that a subscriber gets. It is empty if the address is unknown, or is a loopback address: in that
// case all clients come through a proxy that is not trusted.
func (c Client) Source() string {
	switch {
	case !c.Address.IsValid() || c.Address.IsLoopback():
		return ""
	case c.Address.Is4():
		return c.Address.String()
	}
	network, _ := c.Address.Prefix(64) // never fails for IPv6
	return network.String()
}

type key struct{}

// With returns a context that carries the client.
func With(ctx context.Context, c Client) context.Context { return context.WithValue(ctx, key{}, c) }

// From returns the client in a context, or the zero Client.
func From(ctx context.Context) Client {
	c, _ := ctx.Value(key{}).(Client)
	return c
}
