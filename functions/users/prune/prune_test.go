package prune_test

import (
	"context"
	"net/http"
	"testing"

	"function/functions/users/prune"
	"function/shared/database"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const insertRows = `
WITH n AS (SELECT i, sha256(i::text::bytea) AS b, gen_random_uuid() AS id FROM generate_series(1, $1) i),
a AS (INSERT INTO registrations (id, email_index, user_id, wrapped_key, email, first_name, last_name, password_hash, expires_at)
      SELECT id, b, id, b, b, b, b, '', now() + $2 FROM n),
c AS (INSERT INTO mailed_tokens (hash, purpose, user_id, expires_at) SELECT sha256(b || id::text::bytea), 'unlock', $3, now() + $2 FROM n),
d AS (INSERT INTO challenges (hash, purpose, expires_at) SELECT sha256(b || id::text::bytea), 'passkey_login', now() + $2 FROM n),
f AS (INSERT INTO refresh_tokens (hash, session_id, used_at) SELECT sha256(b || id::text::bytea), (SELECT id FROM sessions WHERE user_id = $3), now() + $2 FROM n),
e AS (INSERT INTO password_reset_requests (id, email_index, requested_at) SELECT id, b, now() + $2 FROM n)
INSERT INTO mails (id, wrapped_key, message, created_at) SELECT id, b, b, now() + $2 FROM n`

const selectCounts = `
SELECT ARRAY[(SELECT count(*) FROM registrations), (SELECT count(*) FROM mailed_tokens), (SELECT count(*) FROM challenges),
             (SELECT count(*) FROM password_reset_requests), (SELECT count(*) FROM mails), (SELECT count(*) FROM refresh_tokens WHERE used_at IS NOT NULL)]`

func TestPrune_ExpiredRows_AreDeletedInBatches(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, prune.Service)
	db, user, ctx := p.DB(database.Users), p.Login("owner").UserID, context.Background()
	for _, rows := range []struct {
		n   int
		age string
	}{{2500, "-100 days"}, {3, "1 hour"}} {
		if _, err := db.Exec(ctx, insertRows, rows.n, rows.age, user); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		p.Wake("users-prune").Want(t, http.StatusNoContent)
		var left []int
		if err := db.QueryRow(ctx, selectCounts).Scan(&left); err != nil {
			t.Fatal(err)
		}
		for i, n := range left {
			if n != 3 {
				t.Errorf("table %d of %v has %d rows left, want 3", i+1, left, n)
			}
		}
	}
}
