package version

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/profiling"
	"function/functions/datasets/internal/transfer"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/outbox"
)

const (
	nextVersion = `
UPDATE datasets SET newest_version = newest_version + 1, status = 'processing', ` + dataset.SetChangedAt + `
WHERE id = $1 AND deleted_at IS NULL RETURNING newest_version`
	insertVersion = `
INSERT INTO dataset_versions (dataset_id, version, status, format, header_absent, charset, compression, reading, size_bytes, stored_bytes, sha256, object_name, wrapped_key, uploaded_by)
VALUES ($1, $2, 'processing', $3, $4, nullif($5, ''), nullif($6, ''), $7, $8, $9, $10, $11, $12, $13) RETURNING uploaded_at`
)

// Add makes a received file the next version of a data set and requests its profiling. It returns
// dataset.ErrNotFound if the data set was deleted while the file arrived.
func Add(ctx context.Context, tx *outbox.Tx, caller auth.Caller, id uuid.UUID, file *transfer.File, r *Received) (number int, at time.Time, err error) {
	err = tx.QueryRow(ctx, nextVersion, id).Scan(&number)
	if database.IsNoRows(err) {
		return 0, at, dataset.ErrNotFound
	}
	if err != nil {
		return 0, at, fmt.Errorf("number version: %w", err)
	}
	err = tx.QueryRow(ctx, insertVersion, id, number, file.Format, file.Reading.HeaderAbsent(), file.Reading.Encoding,
		file.Compression, file.Reading, r.Size,
		r.StoredBytes(), r.SHA256, r.Name, r.WrappedKey, caller.UserID).Scan(&at)
	if err != nil {
		return 0, at, fmt.Errorf("insert version: %w", err)
	}
	if err := r.Adopt(ctx, tx); err != nil {
		return 0, at, err
	}
	if err := profiling.Request(ctx, tx, caller.OrganizationID, id, number); err != nil {
		return 0, at, err
	}
	state, err := dataset.State(ctx, tx, id)
	if err != nil {
		return 0, at, err
	}
	return number, at, tx.Publish(ctx, events.DatasetUploaded{Dataset: state})
}
