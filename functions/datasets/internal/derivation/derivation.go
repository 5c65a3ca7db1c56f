package derivation

import (
	"context"
	"fmt"
	"reflect"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/version"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

const (
	// Derivations of one organization change in turn, so that no two of them make a cycle together.
	lockDerivations  = `SELECT pg_advisory_xact_lock(hashtextextended('derivations of ' || $1, 0))`
	upsertDerivation = `
INSERT INTO dataset_derivations (dataset_id, query, changed_by) VALUES ($1, $2, $3)
ON CONFLICT (dataset_id) DO UPDATE SET query = $2, changed_by = $3, changed_at = now()`
	deleteInputs = `DELETE FROM derivation_inputs WHERE dataset_id = $1`
	insertInput  = `INSERT INTO derivation_inputs (dataset_id, name, input_dataset_id, ref) VALUES ($1, $2, $3, $4)`
	selectCycle  = `
WITH RECURSIVE upstream(id) AS (
    SELECT input_dataset_id FROM derivation_inputs WHERE dataset_id = $1
    UNION SELECT i.input_dataset_id FROM upstream u JOIN derivation_inputs i ON i.dataset_id = u.id
) SELECT EXISTS (SELECT FROM upstream WHERE id = $1)`
	selectProtected = `SELECT protected FROM datasets WHERE id = $1`
)

// Set makes a data set derived, or changes its query. The transaction holds the data set's row.
func Set(ctx context.Context, tx *outbox.Tx, organization, by, id uuid.UUID, query string, inputs []Input) error {
	if _, err := tx.Exec(ctx, lockDerivations, organization.String()); err != nil {
		return fmt.Errorf("lock derivations: %w", err)
	}
	var protected, cycle bool
	if err := tx.QueryRow(ctx, selectProtected, id).Scan(&protected); err != nil {
		return fmt.Errorf("look up data set: %w", err)
	}
	if protected {
		return fault.New(fault.Conflict, "This data set is protected, and a query would change main: end its protection first (PUT /v1/datasets/{id}/protection)")
	}
	if _, err := tx.Exec(ctx, upsertDerivation, id, query, by); err != nil {
		return fmt.Errorf("set derivation: %w", err)
	}
	if _, err := tx.Exec(ctx, deleteInputs, id); err != nil {
		return fmt.Errorf("remove inputs of derivation: %w", err)
	}
	for _, in := range inputs {
		if _, err := tx.Exec(ctx, insertInput, id, in.Name, in.DatasetID, in.Ref); err != nil {
			return fmt.Errorf("insert input of derivation: %w", err)
		}
	}
	if err := tx.QueryRow(ctx, selectCycle, id).Scan(&cycle); err != nil {
		return fmt.Errorf("look for a cycle: %w", err)
	}
	if cycle {
		return fault.At("body.query", "the query reads the data set itself, directly or through other derived data sets")
	}
	return nil
}

const deleteDerivation = `DELETE FROM dataset_derivations WHERE dataset_id = $1`

// End stops the derivation of a data set and keeps its versions. It returns false if the data set is not derived.
func End(ctx context.Context, tx *outbox.Tx, id uuid.UUID) (bool, error) {
	ended, err := tx.Exec(ctx, deleteDerivation, id)
	if err != nil {
		return false, fmt.Errorf("end derivation: %w", err)
	}
	return ended.RowsAffected() > 0, nil
}

const (
	selectDerivation = `SELECT query, changed_by AS by FROM dataset_derivations WHERE dataset_id = $1`
	selectResolved   = `
SELECT i.name, i.input_dataset_id AS dataset_id, d.id IS NOT NULL AND d.ready_version IS NULL AS waiting,
       CASE WHEN i.ref IS NULL THEN d.ready_version ELSE published.version_at(d.id, i.ref) END AS version
FROM derivation_inputs i LEFT JOIN datasets d ON d.id = i.input_dataset_id AND d.deleted_at IS NULL
WHERE i.dataset_id = $1 ORDER BY i.name`
	selectNewest = `
SELECT v.version, v.query FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = (` + dataset.NewestNumber + `)
WHERE d.id = $1 AND v.operation = 'derive'`
	selectNewestInputs = `
SELECT name, input_dataset_id AS dataset_id, input_version AS version FROM version_inputs WHERE dataset_id = $1 AND version = $2 ORDER BY name`
)

// Run adds a version to a derived data set, unless the newest one was made by the same query from the same versions. It
// returns zero if it adds none, also because an input has no ready version yet. key is that of the version, wrapped. The
// transaction holds the data set's row.
func Run(ctx context.Context, tx *outbox.Tx, key []byte, id uuid.UUID) (int, error) {
	derivation, err := database.One[struct {
		Query string
		By    uuid.UUID
	}](ctx, tx, pgx.ErrNoRows, selectDerivation, id)
	if database.IsNoRows(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look up derivation: %w", err)
	}
	rows, _ := tx.Query(ctx, selectResolved, id)
	resolved, err := pgx.CollectRows(rows, pgx.RowToStructByName[struct {
		version.Input
		Waiting bool
	}])
	if err != nil {
		return 0, fmt.Errorf("resolve inputs: %w", err)
	}
	var inputs []version.Input
	for _, in := range resolved {
		if in.Waiting {
			return 0, nil
		}
		inputs = append(inputs, in.Input)
	}
	newest, err := database.One[struct {
		Version int
		Query   string
	}](ctx, tx, pgx.ErrNoRows, selectNewest, id)
	if err != nil && !database.IsNoRows(err) {
		return 0, fmt.Errorf("look up newest version: %w", err)
	}
	if err == nil && newest.Query == derivation.Query {
		rows, _ := tx.Query(ctx, selectNewestInputs, id, newest.Version)
		used, err := pgx.CollectRows(rows, pgx.RowToStructByName[version.Input])
		if err != nil {
			return 0, fmt.Errorf("list inputs of newest version: %w", err)
		}
		if reflect.DeepEqual(used, inputs) {
			return 0, nil
		}
	}
	return version.AddDerived(ctx, tx, key, derivation.By, id, derivation.Query, inputs)
}
