package function

import (
	"cmp"
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"function/shared/auth"
	"function/shared/client"
	"function/shared/fault"
	"function/shared/ratelimit"
)

// guarded marks an operation in its Metadata.
const guarded = "guarded"

// Guarded is the Metadata of an operation that tests or makes a secret, or sends
// mail: besides the limits of every operation it has a stricter one of its own, for
// each network address and each caller (RATE_LIMITS: guarded).
var Guarded = map[string]any{guarded: true}

// limits are what a host keeps its callers within.
type limits struct {
	*ratelimit.Limiter
	ratelimit.Limits
}

// limitAddress runs before the caller is known, so that a flood costs no signature
// checks.
func (l *limits) limitAddress(operation huma.Operation) func(huma.Context, func(huma.Context)) {
	return func(hctx huma.Context, next func(huma.Context)) {
		ctx := context.WithValue(hctx.Context(), limitedKey{}, limited{l, operation.OperationID, hctx})
		if source := client.From(ctx).Source(); source != "" {
			if !l.pass(hctx, l.Address, "", source) || isGuarded(operation) && !l.pass(hctx, l.Limits.Guarded, operation.OperationID, source) {
				return
			}
		}
		next(huma.WithContext(hctx, ctx))
	}
}

// limitCaller runs once the caller is known.
func (l *limits) limitCaller(operation huma.Operation) func(huma.Context, func(huma.Context)) {
	return func(hctx huma.Context, next func(huma.Context)) {
		caller, err := auth.CallerFrom(hctx.Context())
		if err == nil {
			// Another issuer's token has no session here.
			of := cmp.Or(caller.SessionID, caller.UserID).String()
			if !l.pass(hctx, l.Caller, "", of) || isGuarded(operation) && !l.pass(hctx, l.Limits.Guarded, operation.OperationID, of) {
				return
			}
		}
		next(hctx)
	}
}

func isGuarded(operation huma.Operation) bool { return operation.Metadata[guarded] == true }

// pass takes one request from a limit, tells the client what is left
// (draft-ietf-httpapi-ratelimit-headers-10), and answers if nothing is.
func (l *limits) pass(hctx huma.Context, limit ratelimit.Limit, operation, of string) bool {
	if !limit.On() {
		return true
	}
	s := l.Take(hctx.Context(), limit, operation, of)
	tell(hctx, limit, s)
	if !s.Allowed {
		_, w := humago.Unwrap(hctx)
		problemOf(hctx.Context(), tooMany(s)).write(w)
	}
	return s.Allowed
}

func tell(hctx huma.Context, limit ratelimit.Limit, s ratelimit.State) {
	hctx.AppendHeader("RateLimit-Policy", limit.Policy())
	hctx.AppendHeader("RateLimit", s.Header(limit))
}

func tooMany(s ratelimit.State) error {
	return fault.New(fault.Limited, "These are more requests than the limit allows; the RateLimit header fields tell of it").
		After(s.RetryAfter.Truncate(time.Second) + time.Second)
}

type limitedKey struct{}

type limited struct {
	limits    *limits
	operation string
	answer    huma.Context
}

// LimitAccount keeps requests to the operation within the limit for one account, from one
// source, so that nobody uses up what its owner has elsewhere (RATE_LIMITS: account).
// account is a key of it that exists whether or not the account does, such as the blind
// index of an address. More are fault.Limited, and only then the answer tells of this
// limit: what is left of it would tell whoever asks what others behind the same address do
// with the account. (A login counts for itself, with what else slows guessing down:
// users.Attempt.)
func LimitAccount(ctx context.Context, account []byte) error {
	in, ok := ctx.Value(limitedKey{}).(limited)
	if !ok || !in.limits.Account.On() {
		return nil
	}
	if s := in.limits.Take(ctx, in.limits.Account, in.operation, client.From(ctx).Source()+" "+string(account)); !s.Allowed {
		tell(in.answer, in.limits.Account, s)
		return tooMany(s)
	}
	return nil
}
