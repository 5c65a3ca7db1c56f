// Package exportdata exports everything that the platform stores about a person (GDPR
// Articles 15 and 20): GET /v1/users/export.
package exportdata

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/privacy"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

const mediaType = "application/zip"

// Service declares the function.
var Service = function.Endpoint(function.Get("users-export-data", "/v1/users/export", "Export your personal data", policy.Person.WithFreshProof()).
	Sensitive().
	Describe("A streamed ZIP of JSON files. Its README.txt says what each file contains, its about.json how your data is processed. "+
		"If the export fails, the connection breaks and the ZIP does not open. You are notified by mail. At most ten exports a day.").
	Answers(map[string]*huma.Response{"200": {
		Description: "OK", Content: map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
	}}), New).
	Uses(function.Owns(database.Users), function.Keys, function.Documents, function.AuditTrails)

// Response streams the archive.
type Response struct{ Body func(huma.Context) }

// Function exports personal data.
type Function struct {
	store    store.Store
	mailer   notify.Mailer
	profiles person.Profiles
	trails   privacy.Trails
}

// New opens the store, the document store and the mailer. The audit trails of other domains are
// opened during an export.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	profiles, err := person.OpenProfiles(env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(store, env)
	return &Function{store, mailer, profiles, privacy.NewTrails(env)}, err
}

// maxExportsPerDay limits the exports of a person in 24 hours.
const maxExportsPerDay = 10

const (
	lockPerson   = `SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE` // serializes concurrent exports, so that each is counted
	countExports = `
SELECT count(*), coalesce(min(at), now()) FROM audit_entries
WHERE actor_id = $1 AND id >= $2 AND action = 'users:export' AND result = 'done'`
)

// Handle records the export and then streams it.
func (f *Function) Handle(ctx context.Context, _ *struct{}) (*Response, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "users:export", ResourceID: caller.UserID.String(), Platform: true}
	err = act.Do(ctx, f.store.DB, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if _, err := tx.Exec(ctx, lockPerson, caller.UserID); err != nil {
			return fmt.Errorf("lock account: %w", err)
		}
		if err := checkExportLimit(ctx, tx, caller.UserID); err != nil {
			return err
		}
		return f.mailer.Notify(ctx, tx, caller.UserID, f.mailer.DataExported)
	})
	if err != nil {
		return nil, err
	}
	x, err := f.open(ctx, caller.UserID)
	if err != nil {
		return nil, err
	}
	name := "my-data-" + time.Now().UTC().Format(time.DateOnly) + ".zip"
	return &Response{Body: privacy.Stream(ctx, mediaType, name, func(w io.Writer) error { return x.write(ctx, w) })}, nil
}

func checkExportLimit(ctx context.Context, tx *outbox.Tx, person uuid.UUID) error {
	yesterday := time.Now().Add(-24 * time.Hour)
	var exports int
	var first time.Time
	if err := tx.QueryRow(ctx, countExports, person, uuid7.First(yesterday)).Scan(&exports, &first); err != nil {
		return fmt.Errorf("count exports: %w", err)
	}
	if exports < maxExportsPerDay {
		return nil
	}
	return fault.New(fault.RateLimited, "You have made %d exports in 24 hours, which is the limit. Try again later.", exports).After(first.Sub(yesterday).Truncate(time.Second) + time.Second)
}
