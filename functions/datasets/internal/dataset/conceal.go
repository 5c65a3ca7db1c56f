package dataset

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"function/shared/access"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/resultset"
)

// Concealed is a failure whose details may show what a policy hides.
const Concealed = "The version could not be used. A policy of the data set hides the details from you."

var errLimited = fault.New(fault.Forbidden, "A policy of this data set limits what you may read of it, and this answer would show more: ask somebody who is exempt from the policy")

// SeesAll returns an error if a policy limits what a reader of the data set sees, for what is about all rows.
func SeesAll(ctx context.Context, db database.Querier, id uuid.UUID, r access.Reader) error {
	view, err := access.Load(ctx, db, id, r, nil)
	if err == nil && !view.Whole() {
		err = errLimited
	}
	return err
}

// Conceal removes what a view does not show: figures of all rows.
func (d *Dataset) Conceal(v access.View) {
	if v.Whole() {
		return
	}
	d.SizeBytes, d.SHA256, d.RowCount = nil, nil, nil
	if d.Failure != nil {
		concealed := Concealed
		d.Failure = &concealed
	}
}

// Conceal removes what a view does not show: all but the names and types of the columns.
func (p *Profile) Conceal(v access.View) error {
	if p == nil || v.Whole() {
		return nil
	}
	var columns []resultset.Column
	if err := json.Unmarshal(p.RawMessage, &columns); err != nil {
		return fmt.Errorf("decode profile: %w", err)
	}
	text, err := json.Marshal(v.Columns(columns))
	p.RawMessage = text
	return err
}
