package domains

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/membership"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/outbox"
)

const selectDomains = `SELECT ` + membership.DomainColumns + ` FROM organization_domains WHERE organization_id = $1 ORDER BY name`

// List lists claimed and verified domains.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	rows, _ := f.store.DB.Query(ctx, selectDomains, in.ID)
	domains, err := pgx.CollectRows(rows, membership.CollectDomain)
	if err != nil {
		return nil, fmt.Errorf("list domains: %w", err)
	}
	out := &ListResponse{}
	out.Body.Items = append([]membership.Domain{}, domains...)
	return out, nil
}

// Claim claims a domain.
func (f *Function) Claim(ctx context.Context, in *ClaimRequest) (*Response, error) {
	name, err := membership.DomainName(in.Body.Domain)
	if err != nil {
		return nil, err
	}
	var out Response
	return &out, act.Do(ctx, f.store.DB, audit.Entry{Action: "domains:claim", ResourceID: name}, func(tx *outbox.Tx, _ *audit.Entry) (err error) {
		out.Body, err = membership.ClaimDomain(ctx, tx, in.ID, name)
		return err
	})
}

// Remove removes a domain.
func (f *Function) Remove(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, act.Do(ctx, f.store.DB, audit.Entry{Action: "domains:remove", ResourceID: in.Domain}, func(tx *outbox.Tx, _ *audit.Entry) error {
		return membership.RemoveDomain(ctx, tx, in.ID, in.Domain)
	})
}
