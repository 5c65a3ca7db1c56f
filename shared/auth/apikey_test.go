package auth_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
)

func TestAPIKey_HasItsForm(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	key := auth.NewAPIKey(id)
	if !auth.IsAPIKey(key) || !strings.HasPrefix(key, "aic_"+id.String()[28:]+"_") || auth.NewAPIKey(id) == key {
		t.Errorf("%s is no new key of %s", key, id)
	}
	for i := range key {
		for _, other := range []byte{'A', 'b', '0', '_', '\n'} {
			changed := []byte(key)
			if changed[i] == other {
				continue
			}
			changed[i] = other
			if auth.IsAPIKey(string(changed)) {
				t.Fatalf("%q, changed at %d, passes for a key", changed, i)
			}
		}
	}
	for _, text := range []string{"", "aic_", key[:len(key)-1], key + "A", " " + key, strings.ToUpper(key), key + "\n"} {
		if auth.IsAPIKey(text) {
			t.Errorf("%q passes for a key", text)
		}
	}
}

func FuzzIsAPIKey(f *testing.F) {
	f.Add(auth.NewAPIKey(uuid.New()))
	f.Add("aic_00000000_" + strings.Repeat("-", 48))
	f.Fuzz(func(t *testing.T, text string) {
		if auth.IsAPIKey(text) && len(text) != len("aic_00000000_")+48 {
			t.Errorf("%q passes for a key", text)
		}
	})
}

// giveKey gives somebody an API key with a scope.
func (b *bench) giveKey(t *testing.T, person uuid.UUID) string {
	t.Helper()
	id := uuid.Must(uuid.NewV7())
	key := auth.NewAPIKey(id)
	_, err := b.DB(database.Users).Exec(context.Background(), `
WITH k AS (INSERT INTO api_keys (id, organization_id, user_id, name, scopes) VALUES ($1, $2, $3, 'test', '{datasets:read}'))
INSERT INTO api_key_secrets (hash, key_id, hint, expires_at) VALUES ($4, $1, 'test', now() + interval '1 day')`,
		id, b.caller.OrganizationID, person, auth.APIKeyHash(key))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAPIKey_FloodOfUnknownKeys_LeavesTheDatabaseToOthers(t *testing.T) {
	t.Parallel()
	b := open(t)
	good := b.giveKey(t, b.caller.UserID)
	pool, err := database.Open(context.Background(), b.Env.Config.IdentityDatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	v := auth.NewVerifier(pool, "test", "test")
	if _, err := v.Verify(context.Background(), good); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 300 {
		wg.Go(func() {
			_, err := v.Verify(context.Background(), auth.NewAPIKey(uuid.New()))
			if f, ok := fault.As(err); !ok || f.Kind != fault.Unauthenticated && f.Kind != fault.Unavailable {
				t.Errorf("an unknown key: %v", err)
			}
		})
	}
	for range 20 {
		if _, err := v.Verify(context.Background(), good); err != nil {
			t.Errorf("a known key in the storm: %v", err)
		}
		if _, err := v.Verify(context.Background(), b.caller.Token); err != nil {
			t.Errorf("a session in the storm: %v", err)
		}
	}
	wg.Wait()
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

func TestAPIKey_LastUse_IsRecordedOnceAMinute(t *testing.T) {
	t.Parallel()
	b, ctx := open(t), context.Background()
	key := b.giveKey(t, b.caller.UserID)
	used := func() *time.Time {
		var at *time.Time
		if err := b.DB(database.Users).QueryRow(ctx, `SELECT last_used_at FROM api_keys`).Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	use := func() *time.Time {
		v := b.another(t) // of another process, which does not know that the other has recorded the use
		if _, err := v.Verify(ctx, key); err != nil {
			t.Fatal(err)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		return used()
	}
	if at := used(); at != nil {
		t.Errorf("used at %s, before any use", at)
	}
	first := use()
	if first == nil {
		t.Fatal("the use was not recorded")
	}
	if second := use(); !second.Equal(*first) {
		t.Errorf("written at %s and again at %s", first, second)
	}
	if _, err := b.DB(database.Users).Exec(ctx, `UPDATE api_keys SET last_used_at = last_used_at - interval '2 minutes'`); err != nil {
		t.Fatal(err)
	}
	if third := use(); !third.After(first.Add(-time.Minute)) {
		t.Errorf("a use two minutes later was not recorded: %s", third)
	}
}
