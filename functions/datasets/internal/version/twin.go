package version

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/ingest"
)

const selectTwin = `
SELECT t.version FROM dataset_versions v JOIN dataset_versions t ON t.dataset_id = v.dataset_id AND t.version < v.version
WHERE v.dataset_id = $1 AND v.version = $2 AND v.operation = 'replace'
  AND t.operation = 'replace' AND t.status = 'ready' AND t.archived_at IS NULL AND t.table_name IS NOT NULL AND t.prepared_by = $3
  AND (t.sha256, t.size_bytes, t.format, t.header_absent, t.charset, t.compression, t.reading)
      IS NOT DISTINCT FROM (v.sha256, v.size_bytes, v.format, v.header_absent, v.charset, v.compression, v.reading)
  AND NOT EXISTS (SELECT FROM dataset_contracts c WHERE c.dataset_id = v.dataset_id)
ORDER BY t.version DESC LIMIT 1`

// Twin returns an earlier version whose table a version can share, because both were made from the
// same file and read it in the same way. It returns zero if there is no such version, or if the data set has a contract,
// against which every version is checked.
func Twin(ctx context.Context, db database.Querier, id uuid.UUID, number int) (int, error) {
	twin, err := database.One[struct{ Version int }](ctx, db, pgx.ErrNoRows, selectTwin, id, number, ingest.Revision)
	if database.IsNoRows(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for the same file: %w", err)
	}
	return twin.Version, nil
}

// The twin may have expired, or been archived, since it was found; then nothing is updated.
const finishLikeTwin = `
UPDATE dataset_versions v SET status = 'ready', profiled_at = clock_timestamp(), row_count = t.row_count, columns = t.columns, distribution = t.distribution, detected = t.detected,
       prepared_by = t.prepared_by, inherited = ARRAY[t.version], base_version = head_of(@dataset, v.branch, @version)
FROM dataset_versions t
WHERE v.dataset_id = @dataset AND v.version = @version AND v.status = 'processing'
  AND t.dataset_id = @dataset AND t.version = @twin AND t.status = 'ready' AND t.archived_at IS NULL AND t.table_name IS NOT NULL
RETURNING v.uploaded_by, v.branch`
