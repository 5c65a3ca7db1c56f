package runtime

import (
	"cmp"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"function/shared/auth"
	"function/shared/client"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/problem"
	"function/shared/ratelimit"
)

// limits are the rate limits that a host applies.
type limits struct {
	*ratelimit.Limiter
	ratelimit.Limits
}

// limitAddress runs before the caller is authenticated, so that a flood costs no signature checks.
func (l *limits) limitAddress(operation function.Operation) func(huma.Context, func(huma.Context)) {
	return func(hctx huma.Context, next func(huma.Context)) {
		ctx := ratelimit.WithAccounts(hctx.Context(), func(account []byte) error { return l.limitAccount(hctx, operation, account) })
		if source := client.From(ctx).Source(); source != "" {
			if !l.pass(hctx, l.Address, "", source) || operation.IsSensitive && !l.pass(hctx, l.Limits.Guarded, operation.OperationID, source) {
				return
			}
		}
		next(huma.WithContext(hctx, ctx))
	}
}

// limitCaller runs after the caller is authenticated.
func (l *limits) limitCaller(operation function.Operation) func(huma.Context, func(huma.Context)) {
	return func(hctx huma.Context, next func(huma.Context)) {
		caller, err := auth.CallerFrom(hctx.Context())
		if err == nil {
			// Tokens of other issuers have no session here.
			of := cmp.Or(caller.SessionID, caller.UserID).String()
			if !l.pass(hctx, l.Caller, "", of) || operation.IsSensitive && !l.pass(hctx, l.Limits.Guarded, operation.OperationID, of) {
				return
			}
		}
		next(hctx)
	}
}

// pass takes one request from a limit and sets the RateLimit headers
// (draft-ietf-httpapi-ratelimit-headers-10). If the limit is exceeded, it answers the request and
// returns false.
func (l *limits) pass(hctx huma.Context, limit ratelimit.Limit, operation, of string) bool {
	if !limit.On() {
		return true
	}
	s := l.Take(hctx.Context(), limit, operation, of)
	tell(hctx, limit, s)
	if !s.Allowed {
		_, w := humago.Unwrap(hctx)
		problem.Of(hctx.Context(), errRateLimited(s)).Write(w)
	}
	return s.Allowed
}

func tell(hctx huma.Context, limit ratelimit.Limit, s ratelimit.State) {
	hctx.AppendHeader("RateLimit-Policy", limit.Policy())
	hctx.AppendHeader("RateLimit", s.Header(limit))
}

func errRateLimited(s ratelimit.State) error {
	return fault.New(fault.RateLimited, "Rate limit exceeded; see the RateLimit and Retry-After headers.").
		After(s.RetryAfter.Truncate(time.Second) + time.Second)
}

// limitAccount implements ratelimit.Account for a request to an operation.
func (l *limits) limitAccount(hctx huma.Context, operation function.Operation, account []byte) error {
	if !l.Limits.Account.On() {
		return nil
	}
	s := l.Take(hctx.Context(), l.Limits.Account, operation.OperationID, client.From(hctx.Context()).Source()+" "+string(account))
	if s.Allowed {
		return nil
	}
	tell(hctx, l.Limits.Account, s)
	return errRateLimited(s)
}
