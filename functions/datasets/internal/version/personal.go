package version

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/shared/ingest/sample"
	"function/shared/outbox"
	"function/shared/personaldata"
)

// What people have decided stays.
const upsertPersonal = `
INSERT INTO dataset_personal_data AS p (dataset_id, column_name, kind, share, status) VALUES ($1, $2, $3, $4, 'found')
ON CONFLICT (dataset_id, lower(column_name)) DO UPDATE SET kind = excluded.kind, share = excluded.share, changed_at = now()
WHERE p.status = 'found' AND (p.kind, p.share) IS DISTINCT FROM (excluded.kind, excluded.share)`

// personal finds personal data in the rows that the version does not inherit.
func (w *preparation) personal(ctx context.Context, out Outcome, table string) ([]personaldata.Finding, error) {
	drawn := out.Profile.Sample
	if len(out.Inherited) > 0 {
		var err error
		if drawn, err = sample.DrawFrom(ctx, []string{table}, w.dir); err != nil {
			return nil, fmt.Errorf("sample the new rows: %w", err)
		}
	}
	return personaldata.Find(ctx, drawn, personaldata.Options{Scratch: w.dir})
}

// recordPersonal records the columns of a version in which personal data was found. Those of older versions stay, because
// these can still be read.
func recordPersonal(ctx context.Context, tx *outbox.Tx, id uuid.UUID, found []personaldata.Finding) error {
	for _, f := range found {
		if _, err := tx.Exec(ctx, upsertPersonal, id, f.Column, f.Kind, f.Share); err != nil {
			return fmt.Errorf("record personal data: %w", err)
		}
	}
	return nil
}
