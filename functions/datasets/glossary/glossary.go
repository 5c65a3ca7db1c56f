// Package glossary manages the terms by which an organization describes its data: everything under
// /v1/datasets/glossary.
package glossary

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

const (
	path     = "/v1/datasets/glossary/terms"
	termPath = path + "/{term}"
)

// Service declares the function.
var Service = function.Service("datasets-glossary", New,
	function.On(function.Get("datasets-list-terms", path, "List the terms of the glossary", policy.DatasetsRead), (*Function).List),
	function.On(function.Get("datasets-get-term", termPath, "Show a term of the glossary", policy.DatasetsRead), (*Function).Get),
	function.On(function.Put("datasets-set-term", termPath, "Define a term of the glossary", policy.DatasetsGovern).Fails(fault.Conflict).
		Describe("Data sets and columns that have the term (PATCH /v1/datasets/{id}/metadata) are found by it and by its synonyms."), (*Function).Put),
	function.On(function.Delete("datasets-delete-term", termPath, "Delete a term of the glossary", policy.DatasetsGovern).Fails(fault.Conflict).
		Describe("Refused while data sets have the term."), (*Function).Delete),
).Uses(function.Owns(database.Datasets))

// Definition says what a term means.
type Definition struct {
	Definition string   `json:"definition" minLength:"1" maxLength:"10000" pattern:"^[^\\x00]*$" example:"Gross revenue minus returns and discounts"`
	Synonyms   []string `json:"synonyms,omitempty" nullable:"false" maxItems:"50" maxLength:"100" pattern:"^[^\\x00]+$" example:"[\"turnover\"]"`
	Related    []string `json:"related,omitempty" nullable:"false" maxItems:"50" maxLength:"100" pattern:"^[^\\x00]+$" doc:"Other terms" example:"[\"Gross Revenue\"]"`
}

// Term is a term of the glossary.
type Term struct {
	Term string `json:"term"`
	Definition
	Datasets  int64     `json:"datasets" doc:"Data sets that have it, or one of whose columns has it"`
	ChangedBy uuid.UUID `json:"changed_by" format:"uuid"`
	ChangedAt time.Time `json:"changed_at"`
}

// ListRequest selects one page.
type ListRequest struct {
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	After string `query:"after" maxLength:"400" doc:"The last term of the previous page"`
}

// ListResponse is one page of terms.
type ListResponse struct {
	Body struct {
		Items []Term `json:"items" nullable:"false" doc:"In the order of their code points"`
		More  bool   `json:"more" doc:"Whether terms follow: send the last one as after"`
	}
}

// Request identifies a term.
type Request struct {
	Term string `path:"term" maxLength:"100" pattern:"^[^\\x00-\\x1f/ ]([^\\x00-\\x1f/]*[^\\x00-\\x1f/ ])?$" patternDescription:"a text without slashes and control characters" example:"Net Revenue"`
}

// PutRequest is the term to define.
type PutRequest struct {
	Request
	Body Definition
}

// Response is a term.
type Response struct{ Body Term }

// Function manages the glossary.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

func init() {
	database.Constraint("glossary_terms_name", fault.Conflict, "The glossary has this term in another spelling of upper and lower case: use that one, or delete it first")
	database.Constraint("dataset_terms_term", fault.Conflict, "The glossary must have every term that data sets have: define the term, or take it from the data sets first")
}

const (
	columns = `term, definition, synonyms, related, changed_by, changed_at,
    (SELECT count(DISTINCT t.dataset_id) FROM dataset_terms t JOIN datasets d ON d.id = t.dataset_id WHERE t.organization_id = g.organization_id AND t.term = g.term AND d.deleted_at IS NULL) AS datasets`
	selectTerms = `SELECT ` + columns + ` FROM glossary_terms g WHERE organization_id = $1 AND term COLLATE "C" > $2 ORDER BY term COLLATE "C" LIMIT $3`
	selectTerm  = `SELECT ` + columns + ` FROM glossary_terms g WHERE organization_id = $1 AND term = $2`
	upsertTerm  = `
INSERT INTO glossary_terms AS g (organization_id, term, definition, synonyms, related, changed_by) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT ON CONSTRAINT glossary_terms_pkey DO UPDATE SET definition = excluded.definition, synonyms = excluded.synonyms, related = excluded.related,
    changed_by = excluded.changed_by, changed_at = now()
RETURNING ` + columns
	deleteTerm = `DELETE FROM glossary_terms WHERE organization_id = $1 AND term = $2`
	countUses  = `
SELECT count(DISTINCT d.id) FILTER (WHERE d.deleted_at IS NULL) AS visible, count(DISTINCT d.id) FILTER (WHERE d.deleted_at IS NOT NULL) AS deleted
FROM dataset_terms t JOIN datasets d ON d.id = t.dataset_id WHERE t.organization_id = $1 AND t.term = $2`
)

var errNoTerm = fault.New(fault.NotFound, "The glossary of your organization has no such term; upper and lower case matter")

// List lists terms.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &ListResponse{}
	rows, _ := f.db.Query(ctx, selectTerms, caller.OrganizationID, strings.ReplaceAll(in.After, "\x00", ""), in.Limit+1)
	if out.Body.Items, err = pgx.CollectRows(rows, pgx.RowToStructByName[Term]); err != nil {
		return nil, fmt.Errorf("list terms: %w", err)
	}
	if out.Body.More = len(out.Body.Items) > in.Limit; out.Body.More {
		out.Body.Items = out.Body.Items[:in.Limit]
	}
	return out, nil
}

// Get shows a term.
func (f *Function) Get(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	term, err := database.One[Term](ctx, f.db, errNoTerm, selectTerm, caller.OrganizationID, in.Term)
	return &Response{Body: term}, err
}

// Put defines a term.
func (f *Function) Put(ctx context.Context, in *PutRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	d, out := in.Body, &Response{}
	entry := audit.Entry{Action: "datasets:set_term", Detail: map[string]any{"term": in.Term}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) (err error) {
		out.Body, err = database.One[Term](ctx, tx, pgx.ErrNoRows, upsertTerm,
			caller.OrganizationID, in.Term, d.Definition, distinct(d.Synonyms), distinct(d.Related), caller.UserID)
		return err
	})
	return out, err
}

func distinct(texts []string) []string {
	sorted := append([]string{}, texts...)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// Delete deletes a term.
func (f *Function) Delete(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "datasets:delete_term", Detail: map[string]any{"term": in.Term}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		deleted, err := tx.Exec(ctx, deleteTerm, caller.OrganizationID, in.Term)
		if err == nil && deleted.RowsAffected() == 0 {
			return errNoTerm
		}
		return err
	})
	if failed, ok := fault.As(err); ok && failed.Kind == fault.Conflict {
		uses, countErr := database.One[struct{ Visible, Deleted int64 }](ctx, f.db, pgx.ErrNoRows, countUses, caller.OrganizationID, in.Term)
		if countErr != nil {
			return nil, fmt.Errorf("count uses of term: %w", countErr)
		}
		return nil, fault.New(fault.Conflict, "%d data sets have this term, and %d deleted ones that can be brought back: take it from them first (GET /v1/datasets/search?term= finds them)", uses.Visible, uses.Deleted)
	}
	return nil, err
}
