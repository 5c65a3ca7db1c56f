// Package ratelimit keeps callers within quotas, across every process of the
// platform: the runtime asks it before each request. It is GCRA, the leaky bucket
// as a meter of ATM (ITU-T I.371): a key stores one time, at which its quota will be
// whole again, and a request is one cell that moves it.
package ratelimit

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limit is a quota of requests in a window of time. The whole quota may come at
// once; then it refills evenly.
type Limit struct {
	Name   string
	Quota  int
	Window time.Duration
}

// On tells whether the limit limits anything.
func (l Limit) On() bool { return l.Quota > 0 }

// Cell is the time in which one request's worth of quota refills.
func (l Limit) Cell() time.Duration { return l.Window / time.Duration(l.Quota) }

// remaining is what is left of a quota that is whole again after a time.
func (l Limit) remaining(whole time.Duration) int {
	return max(0, int((l.span()-whole)/l.Cell()))
}

// span is the window, but for what dividing it into cells loses.
func (l Limit) span() time.Duration { return l.Cell() * time.Duration(l.Quota) }

// Wait is how long after an answer of a store the next cell is there.
func (l Limit) Wait(g Grant) time.Duration { return g.Whole + l.Cell() - l.span() }

// Policy is the limit as an item of the RateLimit-Policy header field
// (draft-ietf-httpapi-ratelimit-headers-10).
func (l Limit) Policy() string {
	return `"` + l.Name + `";q=` + strconv.Itoa(l.Quota) + ";w=" + strconv.Itoa(int(l.Window.Seconds()))
}

// Grant is what a store answers.
type Grant struct {
	Cells int           // granted, of those that were wanted
	Whole time.Duration // until the quota is whole again
}

// Store remembers keys, for every process together. Take takes up to so many cells
// of a key at once, and never more than the quota allows.
type Store interface {
	Take(ctx context.Context, key []byte, l Limit, cells int) (Grant, error)
}

// Limits are the platform's. A limit that is zero is off.
type Limits struct {
	Address Limit // all requests from one network address
	Caller  Limit // all requests of one session or API key
	Guarded Limit // requests to one guarded operation, from one address or caller
	Account Limit // requests to one operation about one account, from one address; logins from strange addresses together
}

// Default are limits that people and their programs do not meet; floods do.
//
// A whole company may come from one address (NAT), and log in at nine: Guarded lets
// 1,200 logins at once pass, and four a second from then on. It is no guard against
// guessing, which users.Attempt slows down and Account bounds; it keeps one address
// from taking all of the password hashing, whose own queue (password.Hasher) answers 503.
var Default = Limits{
	Address: Limit{"address", 6000, time.Minute},
	Caller:  Limit{"caller", 3000, time.Minute},
	Guarded: Limit{"guarded", 1200, 5 * time.Minute},
	Account: Limit{"account", 30, time.Minute},
}

// Off tells whether nothing is limited.
func (l Limits) Off() bool { return l == Limits{} }

// EnvDecode reads limits as configured: `on` for the default, `off`, or those that
// differ from the default, such as `caller=600/1m,address=off`.
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

// The bounds of what can be configured: a cell of a microsecond is what the stores
// can tell apart.
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
