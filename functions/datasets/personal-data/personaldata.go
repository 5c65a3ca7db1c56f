// Package personaldata shows and corrects which columns of a table hold personal data: GET and PUT
// /v1/datasets/{id}/personal-data.
package personaldata

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/personaldata"
	"function/shared/policy"
	"function/shared/resultset"
)

const path = "/v1/datasets/{id}/personal-data"

// Service declares the function.
var Service = function.Service("datasets-personal-data", New,
	function.On(function.Get("datasets-list-personal-data", path, "List the columns with personal data", policy.DatasetsRead).Fails(fault.Conflict).
		Describe("Each version is searched when it is prepared: for email addresses, phone numbers, names, addresses, national identifiers, payment cards, IBANs, IP addresses, dates of birth and codes of diagnoses. "+
			"What is found counts as personal data until a person says otherwise. Policies can mask all of it (`mask_personal_data`)."), (*Function).List),
	function.On(function.Put("datasets-set-personal-data", path, "Say whether a column holds personal data", policy.DatasetsGovern).Fails(fault.Conflict).
		Describe("Confirms or corrects what was found, or adds a column. The decision stays for later versions."), (*Function).Set),
).Uses(function.Owns(database.Datasets))

// Column is a column with personal data.
type Column struct {
	Column    string            `json:"column"`
	Kind      personaldata.Kind `json:"kind" enum:"email,phone,name,address,national_id,payment_card,iban,ip_address,birth_date,health_code,other"`
	Status    string            `json:"status" enum:"found,confirmed,rejected" doc:"rejected: a person says that it is not personal data"`
	Share     *float64          `json:"share,omitempty" minimum:"0" maximum:"1" doc:"Share of the sampled distinct values that have the form of this kind; absent if people added the column"`
	DecidedBy *uuid.UUID        `json:"decided_by,omitempty" format:"uuid"`
	ChangedAt time.Time         `json:"changed_at"`
}

// Request identifies the data set.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// ListResponse is all columns.
type ListResponse struct {
	Body struct {
		Items []Column `json:"items" nullable:"false" doc:"Ordered by name"`
	}
}

// SetRequest is a decision about a column.
type SetRequest struct {
	Request
	Body struct {
		Column   string             `json:"column" minLength:"1" maxLength:"1000" pattern:"^[^\\x00]*$"`
		Personal bool               `json:"personal" doc:"Whether it holds personal data"`
		Kind     *personaldata.Kind `json:"kind,omitempty" enum:"email,phone,name,address,national_id,payment_card,iban,ip_address,birth_date,health_code,other" doc:"If absent, as it was found, or else other"`
	}
}

// SetResponse is the column.
type SetResponse struct{ Body Column }

// Function manages columns with personal data.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	columns       = `column_name AS "column", kind, status, share, decided_by, changed_at`
	selectColumns = `
SELECT ` + columns + ` FROM dataset_personal_data WHERE dataset_id = $1 ORDER BY lower(column_name)`
	upsertColumn = `
INSERT INTO dataset_personal_data AS p (dataset_id, column_name, kind, status, decided_by) VALUES ($1, $2, coalesce($3, 'other'), $4, $5)
ON CONFLICT (dataset_id, lower(column_name)) DO UPDATE SET kind = coalesce($3, p.kind), status = excluded.status, decided_by = excluded.decided_by, changed_at = now()
RETURNING ` + columns
)

// List lists the columns.
func (f *Function) List(ctx context.Context, in *Request) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := dataset.Readable(ctx, f.db, dataset.Table, in.ID, access.Of(caller)); err != nil {
		return nil, err
	}
	out := &ListResponse{}
	rows, _ := f.db.Query(ctx, selectColumns, in.ID)
	if out.Body.Items, err = pgx.CollectRows(rows, pgx.RowToStructByName[Column]); err != nil {
		return nil, fmt.Errorf("list columns with personal data: %w", err)
	}
	return out, nil
}

// Set records a decision.
func (f *Function) Set(ctx context.Context, in *SetRequest) (*SetResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	status := "rejected"
	if in.Body.Personal {
		status = "confirmed"
	}
	out := &SetResponse{}
	entry := audit.Entry{Action: "datasets:set_personal_data", ResourceID: in.ID.String(), Detail: map[string]any{"column": in.Body.Column, "status": status}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		if err := exists(ctx, tx, in.ID, in.Body.Column); err != nil {
			return err
		}
		out.Body, err = database.One[Column](ctx, tx, pgx.ErrNoRows, upsertColumn, in.ID, in.Body.Column, in.Body.Kind, status, caller.UserID)
		return err
	})
	return out, err
}

// exists returns an error unless the current version has the column, or something is known about it.
func exists(ctx context.Context, tx *outbox.Tx, id uuid.UUID, column string) error {
	named, err := dataset.Columns(ctx, tx, id)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(named, func(c resultset.Column) bool { return strings.EqualFold(c.Name, column) }) {
		return fault.At("body.column", "the current version has no column %s", fault.Excerpt(column))
	}
	return nil
}
