package dataset

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Grant is a share to be made.
type Grant struct {
	Dataset   uuid.UUID
	Kind      string // user, team or organization
	Grantee   uuid.UUID
	Purpose   string
	ExpiresAt *time.Time
	GrantedBy uuid.UUID
}

const upsertShare = `
INSERT INTO dataset_shares (id, dataset_id, grantee_kind, grantee_id, purpose, expires_at, granted_by) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT ON CONSTRAINT dataset_shares_grantee
DO UPDATE SET grantee_kind = excluded.grantee_kind, purpose = excluded.purpose, expires_at = excluded.expires_at, granted_by = excluded.granted_by, granted_at = now()
RETURNING id`

// ShareWith shares a data set that the transaction has locked, and returns the identifier of the share. It replaces a
// share with the same grantee.
func ShareWith(ctx context.Context, tx pgx.Tx, g Grant) (id uuid.UUID, err error) {
	err = tx.QueryRow(ctx, upsertShare, uuid.Must(uuid.NewV7()), g.Dataset, g.Kind, g.Grantee, g.Purpose, g.ExpiresAt, g.GrantedBy).Scan(&id)
	if err != nil {
		return id, fmt.Errorf("share data set: %w", err)
	}
	return id, nil
}
