package consents

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/auth"
	"function/shared/page"
	"function/shared/secret"
)

// The contexts of a decision's sealed fields.
const (
	deviceField  = "consent_decisions.device"
	addressField = "consent_decisions.address"
)

const selectHistory = `
SELECT d.id, p.name AS purpose, d.version, encode(t.text_sha256, 'hex') AS text_sha256, d.given, d.decided_at, d.session_id,
       d.address AS sealed_address, d.device AS sealed_device
FROM consent_decisions d JOIN purposes p ON p.id = d.purpose_id
JOIN purpose_texts t ON t.purpose_id = d.purpose_id AND t.version = d.version
WHERE d.user_id = $1 AND d.organization_id = $2 AND d.id < $3 ORDER BY d.id DESC LIMIT $4`

type decision struct {
	Decision
	SealedAddress, SealedDevice []byte
}

// List tells what holds for each purpose of the caller's organization.
func (f *Function) List(ctx context.Context, _ *struct{}) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	rows, _ := f.DB.Query(ctx, selectLast+` AND (p.retired_at IS NULL OR d.given) ORDER BY p.name`,
		pgx.NamedArgs{"user": caller.UserID, "organization": caller.OrganizationID})
	states, err := pgx.CollectRows(rows, pgx.RowToStructByName[users.ConsentState])
	if err != nil {
		return nil, fmt.Errorf("list consents: %w", err)
	}
	out := &ListResponse{}
	out.Body.Items = append([]users.ConsentState{}, states...)
	return out, nil
}

// History lists the caller's decisions; an admin who acts as the person does not see
// from where they were made.
func (f *Function) History(ctx context.Context, in *HistoryRequest) (*HistoryResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	rows, _ := f.DB.Query(ctx, selectHistory, caller.UserID, caller.OrganizationID, before, in.Fetch())
	sealed, err := pgx.CollectRows(rows, pgx.RowToStructByName[decision])
	if err != nil {
		return nil, fmt.Errorf("list decisions: %w", err)
	}
	decisions := make([]Decision, len(sealed))
	for i, d := range sealed {
		decisions[i] = d.Decision
	}
	if caller.ImpersonatorID == uuid.Nil {
		if err := f.unseal(ctx, caller.UserID, sealed, decisions); err != nil {
			return nil, err
		}
	}
	return &HistoryResponse{Body: page.Of(in.Query, decisions, func(d Decision) uuid.UUID { return d.ID })}, nil
}

func (f *Function) unseal(ctx context.Context, user uuid.UUID, sealed []decision, into []Decision) error {
	key, err := f.KeyOf(ctx, f.DB, user)
	if err != nil {
		return err
	}
	for i, d := range sealed {
		if into[i].Device, err = secret.Unseal(key, deviceField, d.SealedDevice); err != nil {
			return err
		}
		if d.SealedAddress == nil {
			continue
		}
		if into[i].Address, err = secret.Unseal(key, addressField, d.SealedAddress); err != nil {
			return err
		}
	}
	return nil
}
