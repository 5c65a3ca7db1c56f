package consents

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/person"
	"function/functions/users/internal/privacy"
	"function/shared/auth"
)

// Purposes of the organization in which the person acts, and their decisions in all
// organizations.
const selectStates = selectLast + `
  (p.organization_id = @own AND p.retired_at IS NULL OR d.given OR p.organization_id <> @own)
  AND p.id IN (SELECT id FROM purposes WHERE organization_id = @own UNION SELECT purpose_id FROM consent_decisions WHERE user_id = @user)
  AND (@organization = '00000000-0000-0000-0000-000000000000'::uuid OR p.organization_id = @organization)
ORDER BY p.organization_id <> @own, p.organization_id, p.name`

// List lists the state of each purpose that concerns the caller.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	rows, _ := f.store.DB.Query(ctx, selectStates, pgx.NamedArgs{"user": caller.UserID, "own": caller.OrganizationID, "organization": in.OrganizationID})
	states, err := pgx.CollectRows(rows, pgx.RowToStructByName[privacy.ConsentState])
	if err != nil {
		return nil, fmt.Errorf("list consents: %w", err)
	}
	out := &ListResponse{}
	out.Body.Items = append([]privacy.ConsentState{}, states...)
	return out, nil
}

// History lists the caller's decisions. An admin who acts as the person does not see where they
// were made.
func (f *Function) History(ctx context.Context, in *HistoryRequest) (*HistoryResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	key, err := person.OwnKey(ctx, f.store, caller)
	if err != nil {
		return nil, err
	}
	decisions, err := privacy.Decisions(ctx, f.store, caller.UserID, in.OrganizationID, key, in.Query)
	return &HistoryResponse{Body: decisions}, err
}
