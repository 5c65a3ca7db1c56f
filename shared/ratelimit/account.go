package ratelimit

import "context"

type accountsKey struct{}

// WithAccounts gives a request its limit for one account, which [Account] asks.
func WithAccounts(ctx context.Context, limit func(account []byte) error) context.Context {
	return context.WithValue(ctx, accountsKey{}, limit)
}

// Account keeps requests to the operation of ctx within the limit for one account, from
// one source, so that nobody uses up what its owner has elsewhere (RATE_LIMITS: account).
// account is a key of it that exists whether or not the account does, such as the blind
// index of an address. More are a fault of kind RateLimited, and only then the answer
// tells of this limit: what is left of it would tell whoever asks what others behind the
// same address do with the account. (A login counts for itself, with what else slows
// guessing down.)
func Account(ctx context.Context, account []byte) error {
	limit, ok := ctx.Value(accountsKey{}).(func([]byte) error)
	if !ok {
		return nil
	}
	return limit(account)
}
