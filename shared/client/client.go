// Package client tells from where a request comes: the runtime puts it into each
// request's context, for sessions, audit entries and limits.
package client

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Client is the other end of a request.
type Client struct {
	Address   netip.Addr // invalid: not known
	UserAgent string     // as sent, cut to 256 bytes; hostile
}

const maxUserAgent = 256

// Of reads who sent a request that passed through proxies in trusted networks, each
// of which appended the address that it saw to X-Forwarded-For. The last address
// outside of those networks is the client; what stands before it was written by the
// client, and tells nothing. An address of this machine is a proxy's only as the other end
// of the connection (Knative's queue-proxy): in the header it is what the ingress saw of
// somebody who came through a tunnel, and wrote what stands before.
//
// It rests on the ingress appending: one that passes the header on as it came has the
// client write all of it (docs/operations.md, TRUSTED_PROXIES).
func Of(r *http.Request, trusted []netip.Prefix) Client {
	c := Client{UserAgent: strings.ToValidUTF8(r.UserAgent(), "")}
	if len(c.UserAgent) > maxUserAgent {
		c.UserAgent = strings.ToValidUTF8(c.UserAgent[:maxUserAgent], "")
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	forwarded := false // the address is one of the header's
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

// parse reads an address with or without a port: some proxies append one (RFC 7239 §6).
func parse(hop string) (netip.Addr, error) {
	if both, err := netip.ParseAddrPort(hop); err == nil {
		return both.Addr(), nil
	}
	return netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
}

// Network is the client's network, /24 or /48: it tells where a request came from
// without telling who sent it. Empty if the address is not known.
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

// Source is what limits count by: the address, or of IPv6 the /64, which is the
// least that a subscriber has. Empty if the address is not known, or is this machine:
// then everybody comes through a proxy that is not among the trusted ones.
func (c Client) Source() string {
	switch {
	case !c.Address.IsValid() || c.Address.IsLoopback():
		return ""
	case c.Address.Is4():
		return c.Address.String()
	}
	network, _ := c.Address.Prefix(64) // fits every IPv6 address
	return network.String()
}

type key struct{}

// With puts the client into a context.
func With(ctx context.Context, c Client) context.Context { return context.WithValue(ctx, key{}, c) }

// From is the client of the request that a context belongs to, or nothing known.
func From(ctx context.Context) Client {
	c, _ := ctx.Value(key{}).(Client)
	return c
}
