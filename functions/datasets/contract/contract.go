// Package contract sets and shows what the versions of a data set must be like: PUT and GET
// /v1/datasets/{id}/contract. Each change is a new revision.
package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
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
	"function/shared/policy"
	"function/shared/quality"
)

const (
	path     = "/v1/datasets/{id}/contract"
	yamlType = "application/yaml" // RFC 9512
	maxSize  = 1 << 20
)

var (
	schema = map[string]any{"schema": &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "As `contract` in the answer of GET"}}
	body   = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{function.JSONType: {Extensions: schema}, yamlType: {Extensions: schema}}}
)

// Service declares the function.
var Service = function.Service("datasets-contract", New,
	function.On(function.Get("datasets-get-contract", path, "Show the contract of a data set", policy.DatasetsRead).Fails(fault.Conflict), (*Function).Get),
	function.On(function.Put("datasets-set-contract", path, "Set the contract of a data set", policy.DatasetsWrite).
		Fails(fault.Malformed, fault.Conflict, fault.TooLarge, fault.Unsupported, fault.PreconditionFailed).Takes(body, maxSize).
		Describe("Schema, rules, compatibility, owner and service levels, as JSON or YAML. Every version is checked against the newest revision before anybody can read it, and versions that are ready are not checked again. "+
			"A file that lacks columns of the schema fails. A version with values that do not fit its types, or that fails a rule with the severity `block` is blocked: it is kept aside, and queries read the version before. "+
			"All failing rows become a version of the data set `…_failures`. A rule that cannot be evaluated, or that had nothing to check, is an error and blocks as a failure does. "+
			"What is unknown in a contract is refused with its place. `GET /v1/datasets/{id}/quality/suggestions` suggests a contract."), (*Function).Set),
).Uses(function.Owns(database.Datasets))

// GetRequest selects a revision.
type GetRequest struct {
	ID       uuid.UUID `path:"id" format:"uuid"`
	Revision int       `query:"revision" minimum:"1" maximum:"2147483647" doc:"The revision to show; the newest if absent"`
}

// SetRequest is the contract to set.
type SetRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	dataset.Condition
	ContentType string `header:"Content-Type" hidden:"true"`
	function.Raw
}

// Revision is one revision of a contract.
type Revision struct {
	Revision  int              `json:"revision"`
	Contract  quality.Contract `json:"contract"`
	CreatedBy uuid.UUID        `json:"created_by" format:"uuid"`
	CreatedAt time.Time        `json:"created_at"`
}

// Response is a revision.
type Response struct {
	ETag string `header:"ETag" doc:"Send it as If-Match to change the contract only if nobody else has"`
	Body Revision
}

// Function sets and shows contracts.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

var errNone = fault.New(fault.NotFound, "This data set has no contract, or it has no such revision")

const (
	selectRevision = `
SELECT revision, contract, created_by, created_at FROM dataset_contracts
WHERE dataset_id = $1 AND ($2 = 0 OR revision = $2) ORDER BY revision DESC LIMIT 1`
	selectNewest     = `SELECT coalesce(max(revision), 0) AS revision FROM dataset_contracts WHERE dataset_id = $1`
	selectOfFailures = `SELECT quality_of IS NOT NULL AS of_failures FROM datasets WHERE id = $1`
	insertRevision   = `INSERT INTO dataset_contracts (dataset_id, revision, contract, created_by) VALUES ($1, $2, $3, $4)`
)

// Get shows a revision.
func (f *Function) Get(ctx context.Context, in *GetRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := dataset.Changeable(ctx, f.db, dataset.Table, in.ID, access.Of(caller)); err != nil {
		return nil, err
	}
	return read(ctx, f.db, in.ID, in.Revision)
}

func read(ctx context.Context, db database.Querier, id uuid.UUID, revision int) (*Response, error) {
	found, err := database.One[struct {
		Revision  int
		Contract  []byte
		CreatedBy uuid.UUID
		CreatedAt time.Time
	}](ctx, db, errNone, selectRevision, id, revision)
	if err != nil {
		return nil, err
	}
	out := &Response{ETag: etag(found.Revision), Body: Revision{Revision: found.Revision, CreatedBy: found.CreatedBy, CreatedAt: found.CreatedAt}}
	if err := json.Unmarshal(found.Contract, &out.Body.Contract); err != nil {
		return nil, fmt.Errorf("decode contract: %w", err)
	}
	return out, nil
}

func etag(revision int) string {
	if revision == 0 {
		return ""
	}
	return `"` + strconv.Itoa(revision) + `"`
}

// Set adds a revision.
func (f *Function) Set(ctx context.Context, in *SetRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	contract, err := in.decode()
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(contract)
	if err != nil {
		return nil, fmt.Errorf("encode contract: %w", err)
	}
	var out *Response
	entry := audit.Entry{Action: "datasets:set_contract", ResourceID: in.ID.String()}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		d, err := database.One[struct{ OfFailures bool }](ctx, tx, dataset.ErrNotFound, selectOfFailures, in.ID)
		if err != nil {
			return err
		}
		if d.OfFailures {
			return fault.New(fault.Conflict, "This data set holds the rows of another one that fail its contract, and has no contract itself")
		}
		newest, err := database.One[struct{ Revision int }](ctx, tx, pgx.ErrNoRows, selectNewest, in.ID)
		if err != nil {
			return fmt.Errorf("look up revision: %w", err)
		}
		if err := in.Allows(etag(newest.Revision)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertRevision, in.ID, newest.Revision+1, json.RawMessage(encoded), caller.UserID); err != nil {
			return fmt.Errorf("insert contract: %w", err)
		}
		entry.Detail = map[string]any{"revision": newest.Revision + 1}
		out, err = read(ctx, tx, in.ID, 0)
		return err
	})
	return out, err
}

// decode reads the contract in the format that the request declares.
func (in *SetRequest) decode() (*quality.Contract, error) {
	text, err := in.Bytes()
	if err != nil {
		return nil, err
	}
	if mediaType, _, _ := mime.ParseMediaType(in.ContentType); mediaType == yamlType {
		if text, err = quality.FromYAML(text); err != nil {
			return nil, err
		}
	}
	return quality.Decode(text)
}
