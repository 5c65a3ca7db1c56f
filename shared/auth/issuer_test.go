package auth_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"

	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/platformtest"
	"function/shared/policy"
)

func TestIssuer_ConcurrentStarts_ShareOneKey(t *testing.T) {
	t.Parallel()
	p, ctx := platformtest.New(t), context.Background()
	keeper, err := p.Env.Keeper(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		issuer := auth.NewIssuer(p.DB(database.Users), keeper, "test", "test")
		wg.Go(func() {
			if _, err := issuer.Issue(ctx, auth.Caller{UserID: uuid.New(), SessionID: uuid.New()}, "pwd"); err != nil {
				t.Error(err)
			}
			keys, err := auth.PublicKeys(ctx, p.DB(database.Users))
			if err != nil || len(keys) != 1 {
				t.Errorf("%d keys, %v, want 1", len(keys), err)
			}
		})
	}
	wg.Wait()
}

func TestRotate_NewKeySigns_OldKeyStillVerifies(t *testing.T) {
	t.Parallel()
	b, ctx := open(t), context.Background()
	if _, err := b.DB(database.Users).Exec(ctx, `UPDATE signing_keys SET created_at = created_at - interval '1 day'`); err != nil {
		t.Fatal(err)
	}
	next := platformtest.New(t) // whose key is this platform's next
	next.Login("owner")
	var kid string
	var public, sealed []byte
	if err := next.DB(database.Users).QueryRow(ctx, `SELECT kid, public_key, sealed_seed FROM signing_keys`).Scan(&kid, &public, &sealed); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DB(database.Users).Exec(ctx, `INSERT INTO signing_keys (kid, public_key, sealed_seed) VALUES ($1, $2, $3)`, kid, public, sealed); err != nil {
		t.Fatal(err)
	}
	keeper, err := b.Env.Keeper(ctx)
	if err != nil {
		t.Fatal(err)
	}
	issuer := auth.NewIssuer(b.DB(database.Users), keeper, "test", "test")
	if keys, err := auth.PublicKeys(ctx, b.DB(database.Users)); err != nil || len(keys) != 2 || keys[0].KID != kid {
		t.Errorf("keys %v, %v, want two, the new one first", keys, err)
	}
	token, err := issuer.Issue(ctx, b.caller.Caller, "pwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{token, b.caller.Token} {
		if _, err := b.verifier.Verify(ctx, token); err != nil {
			t.Error(err)
		}
	}
}

func TestCallerFrom_Context(t *testing.T) {
	t.Parallel()
	organization := uuid.New()
	with := func(c auth.Caller) context.Context { return auth.WithCaller(context.Background(), c) }
	for name, test := range map[string]struct {
		ctx            context.Context
		caller, member fault.Kind // 0: none
	}{
		"nobody":               {context.Background(), fault.Unauthenticated, fault.Unauthenticated},
		"waiting":              {with(auth.Caller{}), 0, fault.Forbidden},
		"waiting, with a role": {with(auth.Caller{Roles: []string{policy.Owner}}), 0, fault.Forbidden},
		"member":               {with(auth.Caller{OrganizationID: organization}), 0, 0},
	} {
		for what, check := range map[string]struct {
			ask  func(context.Context) (auth.Caller, error)
			want fault.Kind
		}{"CallerFrom": {auth.CallerFrom, test.caller}, "Member": {auth.Member, test.member}} {
			_, err := check.ask(test.ctx)
			var got fault.Kind
			if e, ok := fault.As(err); ok {
				got = e.Kind
			}
			if got != check.want {
				t.Errorf("%s of %s: %v", what, name, err)
			}
		}
	}
}
