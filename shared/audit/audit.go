// Package audit keeps the trail of who did what: every act and every refusal, in
// the transaction of the act. Entries hold identifiers and no personal data, so that
// erasing a person leaves the trail whole; they are chained afterwards, so that any
// change, removal or reordering shows (NIST SP 800-92, OWASP ASVS 5.0 §16).
package audit

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"function/shared/auth"
	"function/shared/client"
	"function/shared/database"
	"function/shared/trace"
	"function/shared/uuid7"
)

// Entry is one act. What is left empty is taken from the request's context: its
// caller, and the caller's organization.
type Entry struct {
	Action         string         // resource:verb, such as members:approve
	ResourceID     string         // of what it was done to
	OrganizationID uuid.UUID      // whose trail it belongs to
	Platform       bool           // it belongs to the platform's own trail, which no organization sees
	ActorID        uuid.UUID      // of the person, where no token says it: at a login
	Refused        string         // why it was refused; empty: it was done
	Detail         map[string]any // identifiers and settings, never personal data
}

// The kinds of actors.
const (
	person         = "person"
	serviceAccount = "service_account"
	platform       = "platform" // a schedule or an event
	nobody         = "nobody"   // a request without a caller
)

const (
	insertInto = `INSERT INTO audit_entries (id, organization_id, at, actor_kind, actor_id, impersonator_id, action, resource_id, result, reason, network, trace_id, detail) `
	insert     = insertInto + `VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`
)

// Record writes an entry: with the transaction of the act, or at once into the database
// for what has no transaction, as a refusal.
func Record(ctx context.Context, db database.Writer, e Entry) error {
	values, err := e.values(ctx)
	if err != nil {
		return err
	}
	if err := db.Write(ctx, insert, values...); err != nil {
		return fmt.Errorf("record audit entry %s: %w", e.Action, err)
	}
	return nil
}

func (e Entry) values(ctx context.Context) ([]any, error) {
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return nil, fmt.Errorf("encode audit entry %s: %w", e.Action, err)
	}
	if e.Detail == nil {
		detail = []byte("{}")
	}
	kind, impersonator := e.actor(ctx)
	result := "done"
	if e.Refused != "" {
		result = "refused"
	}
	id := uuid7.New()
	return []any{
		id, e.OrganizationID, uuid7.Time(id), kind, e.ActorID, impersonator,
		e.Action, e.ResourceID, result, e.Refused, client.From(ctx).Network(), trace.From(ctx).TraceID(), detail,
	}, nil
}

// actor completes who acts.
func (e *Entry) actor(ctx context.Context) (kind string, impersonator *uuid.UUID) {
	caller, err := auth.CallerFrom(ctx)
	switch {
	case err == nil:
		e.ActorID = caller.UserID
		if e.OrganizationID == uuid.Nil && !e.Platform {
			e.OrganizationID = caller.OrganizationID
		}
		if caller.ImpersonatorID != uuid.Nil {
			impersonator = &caller.ImpersonatorID
		}
		if caller.Kind == auth.ServiceAccount {
			return serviceAccount, impersonator
		}
		return person, impersonator
	case e.ActorID != uuid.Nil:
		return person, nil
	case client.From(ctx).Address.IsValid():
		return nobody, nil
	}
	return platform, nil
}
