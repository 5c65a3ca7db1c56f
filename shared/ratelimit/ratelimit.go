// Package ratelimit limits the rate of requests across all processes of the platform. The runtime
// applies it to each request. The algorithm is GCRA, the leaky bucket as a meter of ATM (ITU-T
// I.371): a key stores one time, at which its quota will be fully restored, and each request,
// called a cell, moves it forward.
package ratelimit

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limit is a quota of requests per window of time. The whole quota may be used at once; it is then
// restored at an even rate.
type Limit struct {
	Name   string
	Quota  int
	Window time.Duration
}

// On reports whether the limit is enabled.
func (l Limit) On() bool { return l.Quota > 0 }

// Cell returns the time in which the quota of one request is restored.
func (l Limit) Cell() time.Duration { return l.Window / time.Duration(l.Quota) }

// remaining returns what is left of a quota that takes the duration whole to be fully restored.
func (l Limit) remaining(whole time.Duration) int {
	return max(0, int((l.span()-whole)/l.Cell()))
}

// span is the window, less the rounding of its division into cells.
func (l Limit) span() time.Duration { return l.Cell() * time.Duration(l.Quota) }

// Wait returns how long after a store's grant the next cell is available.
func (l Limit) Wait(g Grant) time.Duration { return g.Whole + l.Cell() - l.span() }

// Policy formats the limit for the RateLimit-Policy header field
// (draft-ietf-httpapi-ratelimit-headers-10).
func (l Limit) Policy() string {
	return `"` + l.Name + `";q=` + strconv.Itoa(l.Quota) + ";w=" + strconv.Itoa(int(l.Window.Seconds()))
}

// Grant is a store's response.
type Grant struct {
	Cells int           // granted of those requested
	Whole time.Duration // until the quota is fully restored
}

// Store stores keys for all processes. Take takes up to the given number of cells of a key, within
// the quota.
type Store interface {
	Take(ctx context.Context, key []byte, l Limit, cells int) (Grant, error)
}

// Limits are the platform's limits. A zero limit is off.
type Limits struct {
	Address Limit // requests from one network address
	Caller  Limit // requests of one session or API key
	Guarded Limit // requests to one sensitive operation, from one address or caller
	Account Limit // requests to one operation about one account, from one address; logins from unknown addresses together
}

// Default holds limits that people and their programs do not reach, but floods do.
//
// A whole company may share one address (NAT) and log in at nine: Guarded allows 1,200 logins at
// once and four a second after that. It does not prevent guessing, which users.Attempt slows down
// and Account limits. It keeps one address from taking all password hashing, whose own queue
// (password.Hasher) refuses with 503.
var Default = Limits{
	Address: Limit{"address", 6000, time.Minute},
	Caller:  Limit{"caller", 3000, time.Minute},
	Guarded: Limit{"guarded", 1200, 5 * time.Minute},
	Account: Limit{"account", 30, time.Minute},
}

// Off reports whether all limits are off.
func (l Limits) Off() bool { return l == Limits{} }

// EnvDecode parses limits: `on` for the default, `off`, or a list of limits that override the
// default, such as `caller=600/1m,address=off`.
func (l *Limits) EnvDecode(value string) error {
	*l = Default
	switch strings.TrimSpace(value) {
	case "", "on":
		return nil
	case "off":
		*l = Limits{}
		return nil
	}
	for field := range strings.SplitSeq(value, ",") {
		name, rate, _ := strings.Cut(strings.TrimSpace(field), "=")
		limit, ok := map[string]*Limit{"address": &l.Address, "caller": &l.Caller, "guarded": &l.Guarded, "account": &l.Account}[name]
		if !ok {
			return fmt.Errorf("%q is not one of the limits address, caller, guarded and account", name)
		}
		var err error
		if *limit, err = parse(name, rate); err != nil {
			return err
		}
	}
	return nil
}

// The configurable range. Stores have a resolution of one microsecond per cell.
const (
	maxQuota  = 1_000_000
	minWindow = time.Second
	maxWindow = 24 * time.Hour
)

func parse(name, rate string) (Limit, error) {
	if rate == "off" {
		return Limit{}, nil
	}
	quota, window, _ := strings.Cut(rate, "/")
	q, err := strconv.Atoi(quota)
	w, windowErr := time.ParseDuration(window)
	if err != nil || windowErr != nil || q < 1 || q > maxQuota || w < minWindow || w > maxWindow {
		return Limit{}, fmt.Errorf("limit %s: %q is not a quota and a window such as 600/1m (at most %d, from %s to %s)", name, rate, maxQuota, minWindow, maxWindow)
	}
	return Limit{Name: name, Quota: q, Window: w}, nil
}
