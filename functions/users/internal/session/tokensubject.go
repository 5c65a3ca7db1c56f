package session

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
)

// ErrSessionOver is returned for a session that has ended or whose person is suspended.
var ErrSessionOver = fault.New(fault.Unauthenticated, "This session has ended: log in again")

const selectTokenSubject = `
SELECT user_id, organization_id, methods, roles, impersonator_id, waits_for, ` + ProvedAt + ` FROM published.callers WHERE session_id = $1 AND alive`

// TokenSubject returns the subject of a session's next tokens. It names no organization
// while the membership is pending. If the session is not active it returns [ErrSessionOver].
func TokenSubject(ctx context.Context, tx pgx.Tx, session uuid.UUID) (auth.Caller, error) {
	c := auth.Caller{SessionID: session}
	var impersonator uuid.NullUUID
	var waitsFor *string
	var proved *time.Time
	err := tx.QueryRow(ctx, selectTokenSubject, session).Scan(&c.UserID, &c.OrganizationID, &c.Methods, &c.Roles, &impersonator, &waitsFor, &proved)
	if database.IsNoRows(err) {
		return c, ErrSessionOver
	}
	if err != nil {
		return c, fmt.Errorf("look up session: %w", err)
	}
	c.ImpersonatorID = impersonator.UUID
	if proved != nil {
		c.Subject.ProvedAt = *proved
	}
	if !NameOrganization(waitsFor) {
		c.OrganizationID = uuid.Nil
	}
	return c, nil
}
