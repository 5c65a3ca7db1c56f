package proposals

import (
	"context"

	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/version"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/keyed"
	"function/shared/outbox"
)

// DecideRequest is a decision.
type DecideRequest struct {
	Request
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"1000" pattern:"^[^\\x00]*$"`
	}
}

const (
	selectOpen = `SELECT ` + columns + ` FROM dataset_proposals WHERE dataset_id = $1 AND id = $2 FOR UPDATE`
	decide     = `
UPDATE dataset_proposals SET status = $2, decided_by = $3, decided_at = now(), reason = nullif($4, ''), merged_version = nullif($5, 0)
WHERE id = $1 RETURNING ` + columns
)

// Approve adds the proposed version to main.
func (f *Function) Approve(ctx context.Context, in *DecideRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := dataset.Changeable(ctx, f.db, dataset.Table, in.ID, access.Of(caller)); err != nil {
		return nil, err
	}
	key, err := version.NewKey(ctx, f.keys)
	if err != nil {
		return nil, err
	}
	resolutions, err := f.approved(ctx, in.Request)
	if err != nil {
		return nil, err
	}
	return f.decide(ctx, in.Request, "approved", in.Body.Reason, func(tx *outbox.Tx, caller auth.Caller, p Proposal) (int, error) {
		if p.CreatedBy == caller.UserID {
			return 0, fault.New(fault.Forbidden, "Another person must approve your proposal")
		}
		head, err := version.Resolve(ctx, tx, in.ID, p.Branch, "path.proposal_id")
		if err != nil || head != p.Version {
			return 0, fault.New(fault.Conflict, "The branch %q has changed since it was proposed: withdraw the proposal and make a new one", p.Branch)
		}
		if len(p.Key) == 0 {
			return version.AddFastForward(ctx, tx, caller, in.ID, p.Version, p.Message)
		}
		m := version.Merging{From: p.Branch, Into: version.Main, Key: p.Key, Choices: keyed.Choices{Resolutions: resolutions}, Message: p.Message, Approved: true}
		if p.Prefer != nil {
			m.Prefer = *p.Prefer
		}
		merged, _, err := version.AddMerge(ctx, tx, key, caller, in.ID, m)
		return merged, err
	})
}

// Reject rejects a proposal.
func (f *Function) Reject(ctx context.Context, in *DecideRequest) (*Response, error) {
	return f.decide(ctx, in.Request, "rejected", in.Body.Reason, func(*outbox.Tx, auth.Caller, Proposal) (int, error) { return 0, nil })
}

// Withdraw withdraws a proposal of the caller.
func (f *Function) Withdraw(ctx context.Context, in *Request) (*struct{}, error) {
	_, err := f.decide(ctx, *in, "withdrawn", "", func(_ *outbox.Tx, caller auth.Caller, p Proposal) (int, error) {
		if p.CreatedBy != caller.UserID {
			return 0, fault.New(fault.Forbidden, "Only the person who made a proposal can withdraw it")
		}
		return 0, nil
	})
	return nil, err
}

// decide ends an open proposal. apply checks the decision and returns the version that it adds, if
// any.
func (f *Function) decide(ctx context.Context, in Request, status, reason string, apply func(*outbox.Tx, auth.Caller, Proposal) (int, error)) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	entry := audit.Entry{Action: "datasets:" + actions[status], ResourceID: in.ID.String(), Detail: map[string]any{"proposal": in.ProposalID}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := dataset.Lock(ctx, tx, in.ID, access.Of(caller)); err != nil {
			return err
		}
		p, err := database.One[Proposal](ctx, tx, errNoProposal, selectOpen, in.ID, in.ProposalID)
		if err != nil {
			return err
		}
		if p.Status != "open" {
			return fault.New(fault.Conflict, "This proposal is %s already", p.Status)
		}
		merged, err := apply(tx, caller, p)
		if err != nil {
			return err
		}
		if merged > 0 {
			entry.Detail["version"] = merged
		}
		out.Body, err = database.One[Proposal](ctx, tx, pgx.ErrNoRows, decide, p.ID, status, caller.UserID, reason, merged)
		return err
	})
	return out, err
}

// actions names the decisions in the audit trail.
var actions = map[string]string{"approved": "approve_proposal", "rejected": "reject_proposal", "withdrawn": "withdraw_proposal"}
