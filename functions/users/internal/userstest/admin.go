// Package userstest mounts the functions of the users domain for its tests and has helpers for
// accounts, logins, organizations and mail.
package userstest

import (
	"context"
	"strings"
	"testing"

	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/events"
	"function/shared/platformtest"
	"function/shared/secret"
)

// PlatformAdmin returns a caller who was made a platform admin with `serve platform-admin`.
func PlatformAdmin(t *testing.T, p *platformtest.Platform) platformtest.Caller {
	t.Helper()
	admin := p.Login("member")
	store, err := store.Open(context.Background(), p.Env)
	if err != nil {
		t.Fatal(err)
	}
	if err := lifecycle.MakePlatformAdmin(context.Background(), store, strings.ToUpper(admin.Email)); err != nil {
		t.Fatal(err)
	}
	if err := lifecycle.MakePlatformAdmin(context.Background(), store, "nobody@example.com"); err == nil {
		t.Error("nobody is made a platform admin")
	}
	return admin
}

const ReasonBody = `{"reason":"Ticket 4711"}`

// QueuedMail returns the text of the newest queued mail.
func QueuedMail(t *testing.T, p *platformtest.Platform) string {
	t.Helper()
	platformtest.Published[events.MailQueued](p, 1)
	ctx := context.Background()
	var wrapped, sealed []byte
	if err := p.DB(database.Users).QueryRow(ctx, `SELECT wrapped_key, message FROM mails ORDER BY id DESC LIMIT 1`).Scan(&wrapped, &sealed); err != nil {
		t.Fatal(err)
	}
	keeper, err := p.Env.Keeper(ctx)
	if err != nil {
		t.Fatal(err)
	}
	key, err := keeper.Unwrap(ctx, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	text, err := secret.Unseal(key, "mails.message", sealed)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
