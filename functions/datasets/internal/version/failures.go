package version

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/shared/database"
	"function/shared/events"
	"function/shared/ingest"
	"function/shared/outbox"
	"function/shared/quality"
	"function/shared/uuid7"
)

const (
	upsertQuality = `
INSERT INTO dataset_quality (dataset_id, version, id, revision, score, results, failures_dataset, failures_version)
VALUES ($1, $2, $3, $4, $5, $6, $7, nullif($8, 0))
ON CONFLICT (dataset_id, version) DO UPDATE SET id = $3, revision = $4, score = $5, results = $6, failures_dataset = $7, failures_version = nullif($8, 0),
    checked_at = now(), accepted_by = NULL, accepted_at = NULL, accepted_reason = NULL`
	selectFailures = `SELECT id FROM datasets WHERE quality_of = $1 AND deleted_at IS NULL`
	// The first name that is free. The legal hold of the source is a hold of the failing rows, too.
	insertFailures = `
INSERT INTO datasets (id, organization_id, kind, name, description, storage_type, status, created_by, quality_of, hold_reason, held_by, held_at)
SELECT $2, d.organization_id, 'table',
       (SELECT n.name FROM (SELECT k, CASE k WHEN 1 THEN left(d.name, 54) || '_failures' ELSE left(d.name, 48) || '_failures_' || k END AS name FROM generate_series(1, 9999) k) n
        WHERE NOT EXISTS (SELECT FROM datasets t WHERE t.organization_id = d.organization_id AND lower(t.name) = lower(n.name) AND t.deleted_at IS NULL)
        ORDER BY n.k LIMIT 1),
       'The rows of ' || d.name || ' that fail its contract', d.storage_type, 'ready', $3, d.id, d.hold_reason, d.held_by, d.held_at
FROM datasets d WHERE d.id = $1`
	insertFailing = `
INSERT INTO dataset_versions (dataset_id, version, status, stored_bytes, wrapped_key, uploaded_by, branch, operation, message, profiled_at, table_name, table_bytes, row_count, columns, distribution, prepared_by, base_version)
VALUES ($1, $2, 'ready', 0, $3, $4, 'main', 'replace', $5, clock_timestamp(), $6, $7, $8, $9, $10, $11, head_of($1, 'main', $2))`
)

// record stores the results of a version, and its failing rows as a version of a data set of their own.
func (i *Inspection) record(ctx context.Context, tx *outbox.Tx, id uuid.UUID, number int, uploader uuid.UUID) error {
	results, err := encode(i.Results)
	if err != nil {
		return err
	}
	var failures *uuid.UUID
	v := 0
	if i.failing != nil {
		failures = new(uuid.UUID)
		if *failures, v, err = i.failing.add(ctx, tx, id, number, uploader); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, upsertQuality, id, number, uuid7.New(), i.Revision, quality.Score(i.Results), results, failures, v); err != nil {
		return fmt.Errorf("record quality: %w", err)
	}
	return nil
}

// add adds the rows as the next version of the data set of failing rows, and creates that data set if it is missing.
func (f *failing) add(ctx context.Context, tx *outbox.Tx, source uuid.UUID, number int, uploader uuid.UUID) (uuid.UUID, int, error) {
	found, err := database.One[struct{ ID uuid.UUID }](ctx, tx, pgx.ErrNoRows, selectFailures, source)
	created := database.IsNoRows(err)
	if created {
		found.ID = uuid7.New()
		_, err = tx.Exec(ctx, insertFailures, source, found.ID, uploader)
	}
	if err != nil {
		return found.ID, 0, fmt.Errorf("create data set of failing rows: %w", err)
	}
	if created {
		state, err := dataset.State(ctx, tx, found.ID)
		if err != nil {
			return found.ID, 0, err
		}
		if err := tx.Publish(ctx, events.DatasetCreated{Dataset: state}); err != nil {
			return found.ID, 0, err
		}
	}
	v, err := f.insert(ctx, tx, found.ID, number, uploader)
	if err != nil {
		return found.ID, 0, err
	}
	state, err := dataset.State(ctx, tx, found.ID)
	if err != nil {
		return found.ID, 0, err
	}
	return found.ID, v, tx.Publish(ctx, events.DatasetReady{Dataset: state})
}

func (f *failing) insert(ctx context.Context, tx *outbox.Tx, id uuid.UUID, of int, uploader uuid.UUID) (int, error) {
	v, err := number(ctx, tx, id, Main, dataset.Ready, true)
	if err != nil {
		return 0, err
	}
	columns, err := json.Marshal(f.profile.Columns)
	if err != nil {
		return 0, fmt.Errorf("encode profile: %w", err)
	}
	described, err := json.Marshal(f.distribution)
	if err != nil {
		return 0, fmt.Errorf("encode distribution: %w", err)
	}
	message := fmt.Sprintf("The failing rows of version %d", of)
	_, err = tx.Exec(ctx, insertFailing, id, v, f.wrappedKey, uploader, message, f.object.Name, f.object.StoredBytes(), f.profile.Rows, json.RawMessage(columns), json.RawMessage(described), ingest.Revision)
	if err != nil {
		return 0, fmt.Errorf("insert failing rows: %w", err)
	}
	if _, err := tx.Exec(ctx, setReady, id, v); err != nil {
		return 0, fmt.Errorf("set ready version: %w", err)
	}
	return v, f.object.Adopt(ctx, tx)
}
