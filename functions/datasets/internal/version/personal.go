package version

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/shared/distribution"
	"function/shared/engine"
	"function/shared/ingest/sample"
	"function/shared/outbox"
	"function/shared/personaldata"
)

// What people have decided stays.
const upsertPersonal = `
INSERT INTO dataset_personal_data AS p (dataset_id, column_name, kind, share, status) VALUES ($1, $2, $3, $4, 'found')
ON CONFLICT (dataset_id, lower(column_name)) DO UPDATE SET kind = excluded.kind, share = excluded.share, changed_at = now()
WHERE p.status = 'found' AND (p.kind, p.share) IS DISTINCT FROM (excluded.kind, excluded.share)`

// sampled describes all rows of the version, and finds personal data in those that it does not inherit, by samples.
func (w *preparation) sampled(ctx context.Context, out *Outcome, table string) error {
	s, err := engine.OpenSpilling(ctx, w.dir, "")
	if err != nil {
		return err
	}
	defer s.Close()
	if out.Distribution, err = distribution.Describe(ctx, s, out.Profile.Sample); err != nil {
		return err
	}
	added := out.Profile.Sample
	if len(out.Inherited) > 0 {
		if added, err = sample.Draw(ctx, s, []string{table}, w.dir); err != nil {
			return err
		}
	}
	out.Personal, err = personaldata.Find(ctx, s, added)
	return err
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
