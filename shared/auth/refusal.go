package auth

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/shared/client"
	"function/shared/trace"
	"function/shared/uuid7"
)

const recordRefusal = `SELECT published.record_refusal($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, jsonb_build_object('operation', $12::text))`

// RecordRefusal writes an audit entry about a refused request to the trail of the caller's
// organization. A flood of refusals makes a few entries and a count. resource is empty if the
// operation was refused as a whole.
func (v *Verifier) RecordRefusal(ctx context.Context, c Caller, action, resource, operation, reason string) error {
	kind := Person
	if c.Kind == ServiceAccount {
		kind = ServiceAccount
	}
	var impersonator *uuid.UUID
	if c.ImpersonatorID != uuid.Nil {
		impersonator = &c.ImpersonatorID
	}
	id := uuid7.New()
	_, err := v.db.Exec(ctx, recordRefusal, id, c.OrganizationID, uuid7.Time(id), kind, c.UserID, impersonator,
		action, resource, reason, client.From(ctx).Network(), trace.From(ctx).TraceID(), operation)
	if err != nil {
		return fmt.Errorf("record refusal: %w", err)
	}
	return nil
}
