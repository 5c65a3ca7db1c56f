package access

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/secret"
)

// Stored are the policies of a data set as the database has them.
type Stored struct {
	DatasetID      uuid.UUID
	OrganizationID uuid.UUID
	Policies       json.RawMessage // []Policy
}

const selectStored = `SELECT ` + Columns + ` FROM datasets d WHERE d.id = $1`

// Load returns what a reader may see of a data set that the reader may read, for the datasets domain.
func Load(ctx context.Context, db database.Querier, dataset uuid.UUID, r Reader, keys *secret.Keeper) (View, error) {
	stored, err := database.One[Stored](ctx, db, pgx.ErrNoRows, selectStored, dataset)
	if err != nil {
		return View{}, fmt.Errorf("read policies of data set: %w", err)
	}
	return stored.View(r, keys)
}

// Columns selects a Stored from data set d.
const Columns = `d.id AS dataset_id, d.organization_id, policies_of(d.id) AS policies`

// View returns what a reader may see of the data set. keys may be nil if the view is not written.
func (s Stored) View(r Reader, keys *secret.Keeper) (View, error) {
	var policies []Policy
	if err := json.Unmarshal(s.Policies, &policies); err != nil {
		return View{}, fmt.Errorf("decode policies: %w", err)
	}
	if len(policies) == 0 {
		return View{}, nil
	}
	var key []byte
	if keys != nil {
		key = keys.BlindIndex("mask", s.DatasetID.String())
	}
	return r.View(policies, s.OrganizationID, key), nil
}
