// Package proposals lets a second person approve changes of a data set's main branch: everything
// under /v1/datasets/{id}/proposals.
package proposals

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/version"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/keyed"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/policy"
	"function/shared/secret"
	"function/shared/uuid7"
)

const (
	path         = "/v1/datasets/{id}/proposals"
	proposalPath = path + "/{proposal_id}"
)

// Service declares the function.
var Service = function.Service("datasets-proposals", New,
	function.On(function.Get("datasets-list-proposals", path, "List the proposals of a data set", policy.DatasetsRead).Fails(fault.Conflict), (*Function).List),
	function.On(function.Get("datasets-get-proposal", proposalPath, "Show a proposal", policy.DatasetsRead).Fails(fault.Conflict), (*Function).Get),
	function.On(function.Post("datasets-propose", path, "Propose a branch for main", policy.DatasetsWrite).
		Status(http.StatusCreated).Fails(fault.Conflict).
		Describe("Proposes the newest ready version of the branch. With `key`, its changes are merged into main row by row; without, it takes the place of main, which must not have changed since the branch began. "+
			"`GET /v1/datasets/{id}/diff?from=main&to=branch&key=…` shows what would change."), (*Function).Create),
	function.On(function.Post("datasets-approve-proposal", proposalPath+"/approve", "Approve a proposal, which then becomes a version of main", policy.DatasetsApprove).
		Fails(fault.Conflict).
		Describe("The person who made the proposal cannot approve it. The branch must not have changed since."), (*Function).Approve),
	function.On(function.Post("datasets-reject-proposal", proposalPath+"/reject", "Reject a proposal", policy.DatasetsApprove).
		Fails(fault.Conflict), (*Function).Reject),
	function.On(function.Delete("datasets-withdraw-proposal", proposalPath, "Withdraw a proposal of yours", policy.DatasetsWrite).
		Fails(fault.Conflict).
		Describe("Only while it is open."), (*Function).Withdraw),
).Uses(function.Owns(database.Datasets), function.Keys)

// Proposal is a change that waits for approval, or was decided on.
type Proposal struct {
	ID            uuid.UUID  `json:"id" format:"uuid"`
	Branch        string     `json:"branch"`
	Version       int        `json:"version" doc:"The proposed version of the branch"`
	Key           []string   `json:"key,omitempty" doc:"The columns to merge by"`
	Prefer        *string    `json:"prefer,omitempty" enum:"ours,theirs"`
	Resolved      bool       `json:"resolved" doc:"Whether resolutions decide single conflicts"`
	Message       string     `json:"message"`
	Status        string     `json:"status" enum:"open,approved,rejected,withdrawn"`
	CreatedBy     uuid.UUID  `json:"created_by" format:"uuid"`
	CreatedAt     time.Time  `json:"created_at"`
	DecidedBy     *uuid.UUID `json:"decided_by,omitempty" format:"uuid"`
	DecidedAt     *time.Time `json:"decided_at,omitempty"`
	Reason        *string    `json:"reason,omitempty" doc:"Why it was decided so"`
	MergedVersion *int       `json:"merged_version,omitempty" doc:"The version of main that an approval made; it fails if the merge has conflicts that nothing decides"`
}

// ShownProposal is a proposal with everything that it decides.
type ShownProposal struct {
	Proposal
	Resolutions []keyed.Resolution `json:"resolutions,omitempty" doc:"Decisions about single conflicts; left out if a policy limits what you may read of the data set, and once the proposed version has expired"`
}

// ListRequest selects one page.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
	Status string `query:"status" enum:"open,approved,rejected,withdrawn" doc:"Only proposals in this state"`
}

// ListResponse is one page of proposals.
type ListResponse struct{ Body page.Page[Proposal] }

// Request identifies a proposal.
type Request struct {
	ID         uuid.UUID `path:"id" format:"uuid"`
	ProposalID uuid.UUID `path:"proposal_id" format:"uuid"`
}

// CreateRequest is the proposal to make.
type CreateRequest struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Branch      string             `json:"branch" maxLength:"63"`
		Key         []string           `json:"key,omitempty" maxItems:"16" nullable:"false" doc:"The columns that identify a row, to merge by" example:"[\"id\"]"`
		Prefer      string             `json:"prefer,omitempty" enum:"ours,theirs" doc:"Who decides the other conflicts: ours, main; theirs, the branch"`
		Resolutions []keyed.Resolution `json:"resolutions,omitempty" maxItems:"1000" doc:"Decisions about single conflicts, as datasets-preview-merge shows them; they go before prefer"`
		Message     string             `json:"message" minLength:"1" maxLength:"1000" pattern:"^[^\\x00]*$" doc:"What changes, and why"`
	}
}

// Response is a proposal.
type Response struct{ Body Proposal }

// GetResponse is a proposal with its resolutions.
type GetResponse struct{ Body ShownProposal }

// Function manages proposals.
type Function struct {
	db   *outbox.DB
	keys *secret.Keeper
}

// New connects the function to its database and key service.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keeper(ctx)
	return &Function{db: db, keys: keys}, err
}

func init() {
	database.Constraint("dataset_proposals_open", fault.Conflict, "This branch has an open proposal already: withdraw it first")
}

var (
	errNoProposal = fault.New(fault.NotFound, "There is no such proposal")
	errNoBranch   = fault.New(fault.NotFound, "This data set has no branch with this name")
)

const (
	columns         = `id, branch, version, key_columns AS key, prefer, resolutions IS NOT NULL AS resolved, message, status, created_by, created_at, decided_by, decided_at, reason, merged_version`
	selectProposals = `
SELECT ` + columns + ` FROM dataset_proposals
WHERE dataset_id = @dataset AND (@status = '' OR status = @status) AND id < @before ORDER BY id DESC LIMIT @limit`
	selectProposal = `SELECT ` + columns + ` FROM dataset_proposals WHERE dataset_id = $1 AND id = $2`
	insertProposal = `
INSERT INTO dataset_proposals (id, dataset_id, branch, version, key_columns, prefer, message, created_by, resolutions)
SELECT $1, $2, $3, head_of($2, $3), $4, nullif($5, ''), $6, $7, $8 FROM dataset_refs WHERE dataset_id = $2 AND name = $3 AND kind = 'branch'
RETURNING ` + columns
)

// List lists proposals, newest first.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := dataset.Changeable(ctx, f.db, dataset.Table, in.ID, access.Of(caller)); err != nil {
		return nil, err
	}
	found, err := page.List(ctx, f.db, in.Query, func(p Proposal) uuid.UUID { return p.ID }, selectProposals, pgx.NamedArgs{"dataset": in.ID, "status": in.Status})
	return &ListResponse{Body: found}, err
}

// Get reads a proposal.
func (f *Function) Get(ctx context.Context, in *Request) (*GetResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := dataset.Changeable(ctx, f.db, dataset.Table, in.ID, access.Of(caller)); err != nil {
		return nil, err
	}
	out := &GetResponse{}
	if out.Body.Proposal, err = database.One[Proposal](ctx, f.db, errNoProposal, selectProposal, in.ID, in.ProposalID); err != nil {
		return nil, err
	}
	out.Body.Resolutions, err = f.shown(ctx, *in, access.Of(caller))
	return out, err
}

// Create makes a proposal.
func (f *Function) Create(ctx context.Context, in *CreateRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if in.Body.Prefer != "" && len(in.Body.Key) == 0 {
		return nil, fault.At("body.prefer", "only a merge by key has conflicts to decide: name its key")
	}
	if len(in.Body.Resolutions) > 0 && len(in.Body.Key) == 0 {
		return nil, fault.At("body.resolutions", "only a merge by key has conflicts to decide: name its key")
	}
	if err := dataset.Changeable(ctx, f.db, dataset.Table, in.ID, access.Of(caller)); err != nil {
		return nil, err
	}
	resolved, err := f.seal(ctx, in.ID, in.Body.Branch, in.Body.Key, in.Body.Resolutions)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	entry := audit.Entry{Action: "datasets:propose", ResourceID: in.ID.String()}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, entry *audit.Entry) (err error) {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		out.Body, err = database.One[Proposal](ctx, tx, errNoBranch, insertProposal,
			uuid7.New(), in.ID, in.Body.Branch, in.Body.Key, in.Body.Prefer, in.Body.Message, caller.UserID, resolved.resolutions)
		if err != nil {
			return err
		}
		if resolved.version > 0 && resolved.version != out.Body.Version {
			return fault.New(fault.Conflict, "The branch %q has just changed: preview the merge again", in.Body.Branch)
		}
		entry.Detail = map[string]any{"proposal": out.Body.ID, "branch": out.Body.Branch, "version": out.Body.Version}
		return version.Mergeable(ctx, tx, in.ID, out.Body.Version)
	})
	return out, err
}
