package access

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"function/shared/secret"
)

// Stored are the policies of a data set as the database has them.
type Stored struct {
	DatasetID      uuid.UUID
	OrganizationID uuid.UUID
	Policies       json.RawMessage // []Policy
}

// Columns selects a Stored from data set d.
const Columns = `d.id AS dataset_id, d.organization_id, policies_of(d.id) AS policies`

// View returns what a reader may see of the data set.
func (s Stored) View(r Reader, keys *secret.Keeper) (View, error) {
	var policies []Policy
	if err := json.Unmarshal(s.Policies, &policies); err != nil {
		return View{}, fmt.Errorf("decode policies: %w", err)
	}
	if len(policies) == 0 {
		return View{}, nil
	}
	return r.View(policies, s.OrganizationID, keys.BlindIndex("mask", s.DatasetID.String())), nil
}
