package purposes

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/privacy"
)

const (
	selectPurposes = `
SELECT p.name, t.version, t.text, encode(t.text_sha256, 'hex') AS text_sha256, t.published_at, p.created_at, p.retired_at
FROM purposes p
CROSS JOIN LATERAL (SELECT * FROM purpose_texts WHERE purpose_id = p.id ORDER BY version DESC LIMIT 1) t
WHERE p.organization_id = $1`
	selectTexts = `
SELECT t.version, t.text, encode(t.text_sha256, 'hex') AS text_sha256, t.published_by, t.published_at
FROM purposes p JOIN purpose_texts t ON t.purpose_id = p.id
WHERE p.organization_id = $1 AND p.name = $2 ORDER BY t.version DESC`
)

// List lists the organization's purposes.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	rows, _ := f.store.DB.Query(ctx, selectPurposes+` ORDER BY p.retired_at IS NOT NULL, p.name`, in.ID)
	purposes, err := pgx.CollectRows(rows, pgx.RowToStructByName[privacy.ConsentPurpose])
	if err != nil {
		return nil, fmt.Errorf("list purposes: %w", err)
	}
	out := &ListResponse{}
	out.Body.Items = append([]privacy.ConsentPurpose{}, purposes...)
	return out, nil
}

// Texts lists the versions of one purpose's text.
func (f *Function) Texts(ctx context.Context, in *Request) (*TextsResponse, error) {
	rows, _ := f.store.DB.Query(ctx, selectTexts, in.ID, in.Name)
	texts, err := pgx.CollectRows(rows, pgx.RowToStructByName[Version])
	if err != nil {
		return nil, fmt.Errorf("list texts: %w", err)
	}
	if len(texts) == 0 {
		return nil, privacy.ErrNoPurpose
	}
	out := &TextsResponse{}
	out.Body.Items = texts
	return out, nil
}
