// Package audit records who did what: every action, in the transaction that performs it, and every
// refusal. Entries hold identifiers but no personal data, so that the trail stays complete when a
// person is erased. They are hash-chained afterwards, so that any change, removal or reordering can
// be detected (NIST SP 800-92, OWASP ASVS 5.0 §16).
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

// Entry describes one action. Empty fields default to the caller in the request's context and the
// caller's organization.
type Entry struct {
	Action         string         // resource:verb, such as members:approve
	ResourceID     string         // of the affected resource
	OrganizationID uuid.UUID      // whose trail the entry belongs to
	Platform       bool           // the entry belongs to the platform's own trail, which no organization can read
	ActorID        uuid.UUID      // the person, if the request has no token, such as a login
	Refused        string         // why the action was refused; empty: it was done
	Detail         map[string]any // identifiers and settings, never personal data
}

// The kinds of actors.
const (
	person         = "person"
	serviceAccount = "service_account"
	platform       = "platform" // a schedule or an event
	nobody         = "nobody"   // a request without an authenticated caller
)

const (
	insertInto = `INSERT INTO audit_entries (id, organization_id, at, actor_kind, actor_id, impersonator_id, action, resource_id, result, reason, network, trace_id, detail) `
	insert     = insertInto + `VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`
)

// Record writes an entry: at the end of a transaction, or at once if db is not a transaction, as
// for a refusal.
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

// actor sets the actor of the entry and returns its kind.
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
