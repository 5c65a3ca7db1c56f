package ratelimit

import "context"

type accountsKey struct{}

// WithAccounts returns a context with the request's limit per account, which [Account] applies.
func WithAccounts(ctx context.Context, limit func(account []byte) error) context.Context {
	return context.WithValue(ctx, accountsKey{}, limit)
}

// Account limits the requests of one source to one operation about one account (RATE_LIMITS:
// account), so that nobody can use up the quota that the account's owner has elsewhere. account is
// a key that exists whether or not the account does, such as the blind index of an address. Excess
// requests are fault.RateLimited, and only their responses mention this limit: the remaining quota
// would reveal what others behind the same address do with the account. (Logins have their own
// limit, together with other measures against guessing.)
func Account(ctx context.Context, account []byte) error {
	limit, ok := ctx.Value(accountsKey{}).(func([]byte) error)
	if !ok {
		return nil
	}
	return limit(account)
}
