package function

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/auth"
	"function/shared/documents"
	"function/shared/objects"
	"function/shared/outbox"
	"function/shared/password"
	"function/shared/ratelimit"
	"function/shared/search"
	"function/shared/secret"
)

// Env opens what a function uses. Each resource is opened on first use, so that a cold start opens
// only what its function needs, and is shared by all functions of the process.
type Env struct {
	Name   string // the function's name
	Config Config

	reaches []Use // nil: no restriction
	shared  *resources
}

type resources struct {
	mu        sync.Mutex
	pools     map[string]*pgxpool.Pool
	buckets   map[string]*objects.Bucket // by URL
	reads     map[string]*objects.Bucket // by storage type
	keeper    *secret.Keeper
	hasher    *password.Hasher
	limiter   *ratelimit.Limiter
	documents documents.Server
	search    search.Server
	sender    *outbox.Sender
	closers   []func() error
}

// NewEnv returns the environment of a process.
func NewEnv(c Config) *Env {
	return &Env{Config: c, shared: &resources{
		pools:   map[string]*pgxpool.Pool{},
		buckets: map[string]*objects.Bucket{},
		reads:   map[string]*objects.Bucket{},
		sender:  outbox.NewSender(c.Sink),
	}}
}

// of returns the environment restricted to what one function declares.
func (e *Env) of(d Declaration) *Env {
	return &Env{Name: d.Name, Config: e.Config, reaches: append([]Use{}, d.Reaches()...), shared: e.shared}
}

// Close waits for events that are being sent and closes everything that was opened.
func (e *Env) Close() error {
	e.shared.sender.Wait()
	var errs []error
	for _, closer := range e.shared.closers { // not under the lock: closers may wait for work that still opens resources
		errs = append(errs, closer())
	}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	for _, bucket := range e.shared.buckets {
		errs = append(errs, bucket.Close())
	}
	for _, pool := range e.shared.pools {
		pool.Close()
	}
	return errors.Join(errs...)
}

// OnClose registers a function that closes a resource when the process ends.
func (e *Env) OnClose(closer func() error) {
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	e.shared.closers = append(e.shared.closers, closer)
}

// Sender returns the sender that posts events to the broker, for functions that relay them.
func (e *Env) Sender() *outbox.Sender { return e.shared.sender }

// Verifier returns the verifier of bearer tokens. Operations with bearer security have it already.
func (e *Env) Verifier(ctx context.Context) (*auth.Verifier, error) {
	if err := e.allow(Callers); err != nil {
		return nil, err
	}
	pool, err := e.pool(ctx, "identity", e.Config.IdentityDatabaseURL)
	if err != nil {
		return nil, err
	}
	verifier := auth.NewVerifier(pool, e.Config.TokenIssuer, e.Config.TokenAudience)
	if err := verifier.Trust(e.Config.OIDCIssuers, e.Config.OIDCSubjectKey); err != nil {
		return nil, err
	}
	verifier.AdminsNeedSecondFactor = e.Config.PlatformAdminSecondFactor
	e.OnClose(verifier.Close)
	return verifier, nil
}

// Keeper returns the keeper, which wraps data keys and computes blind indexes.
func (e *Env) Keeper(ctx context.Context) (*secret.Keeper, error) {
	if err := e.allow(Keys); err != nil {
		return nil, err
	}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	if e.shared.keeper != nil {
		return e.shared.keeper, nil
	}
	keeper, err := secret.Open(ctx, e.Config.KeyURL, e.Config.BlindIndexKey)
	if err != nil {
		return nil, fmt.Errorf("open keeper: %w", err)
	}
	if e.Config.PreviousKeyURL != "" {
		if err := keeper.AlsoUnwrap(ctx, e.Config.PreviousKeyURL); err != nil {
			return nil, fmt.Errorf("open keeper: %w", err)
		}
	}
	e.shared.keeper = keeper
	return keeper, nil
}

// Hasher returns the password hasher. All functions of a process share its queue.
func (e *Env) Hasher() (*password.Hasher, error) {
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	if e.shared.hasher != nil {
		return e.shared.hasher, nil
	}
	hasher, err := password.NewHasher(password.Parameters{
		Memory:      cmp.Or(e.Config.ArgonMemory, password.OWASP.Memory),
		Iterations:  cmp.Or(e.Config.ArgonIterations, password.OWASP.Iterations),
		Parallelism: cmp.Or(e.Config.ArgonParallelism, password.OWASP.Parallelism),
	})
	if err != nil {
		return nil, fmt.Errorf("configure password hashing: %w", err)
	}
	e.shared.hasher = hasher
	return hasher, nil
}

// Limiter returns the rate limiter, or nil if limits are off or no store is configured.
func (e *Env) Limiter(ctx context.Context) (*ratelimit.Limiter, error) {
	if e.Config.RateLimits.Off() || e.Config.RedisURL == "" && e.Config.IdentityDatabaseURL == "" {
		return nil, nil
	}
	e.shared.mu.Lock()
	known := e.shared.limiter
	e.shared.mu.Unlock()
	if known != nil {
		return known, nil
	}
	stores, err := e.limitStores(ctx)
	if err != nil {
		return nil, err
	}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	e.shared.limiter = ratelimit.NewLimiter(stores...)
	return e.shared.limiter, nil
}

// limitStores returns Redis, if configured, followed by PostgreSQL as the fallback.
func (e *Env) limitStores(ctx context.Context) (stores []ratelimit.Store, err error) {
	if e.Config.RedisURL != "" {
		store, err := ratelimit.Drivers.Open(e.Config.RedisURL)
		if err != nil {
			return nil, err
		}
		e.OnClose(store.Close)
		stores = append(stores, store)
	}
	if e.Config.IdentityDatabaseURL != "" {
		pool, err := e.pool(ctx, "identity", e.Config.IdentityDatabaseURL)
		if err != nil {
			return nil, err
		}
		stores = append(stores, ratelimit.NewPostgres(pool))
	}
	return stores, nil
}

// Documents returns the document server, or nil if none is configured; the domain's database stores
// the documents then (documents.PostgreSQL).
func (e *Env) Documents() (documents.Server, error) {
	if err := e.allow(Documents); err != nil {
		return nil, err
	}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	if e.shared.documents != nil || e.Config.MongoURL == "" {
		return e.shared.documents, nil
	}
	opened, err := documents.Drivers.Open(e.Config.MongoURL)
	if err != nil {
		return nil, err
	}
	e.shared.documents = opened
	e.shared.closers = append(e.shared.closers, opened.Close)
	return opened, nil
}

// Search returns the search server, or nil if none is configured.
func (e *Env) Search() (search.Server, error) {
	if err := e.allow(Search); err != nil {
		return nil, err
	}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	if e.shared.search != nil || e.Config.SearchURL == "" {
		return e.shared.search, nil
	}
	opened, err := search.Drivers.Open(e.Config.SearchURL)
	if err != nil {
		return nil, err
	}
	e.shared.search = opened
	e.shared.closers = append(e.shared.closers, opened.Close)
	return opened, nil
}
