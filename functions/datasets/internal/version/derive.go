package version

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/ingest"
	"function/shared/ingest/invalid"
	"function/shared/lineage"
	"function/shared/outbox"
	"function/shared/sandbox"
	"function/shared/sqltext"
)

// Input is a version that the query of a derived version reads.
type Input struct {
	Name      string // in the query
	DatasetID uuid.UUID
	Version   *int // nil: no ready version, so the derived version fails
}

const (
	insertDerived = `
INSERT INTO dataset_versions (dataset_id, version, status, stored_bytes, wrapped_key, uploaded_by, branch, operation, query)
VALUES ($1, $2, 'processing', 0, $3, $4, 'main', 'derive', $5)`
	insertInput = `INSERT INTO version_inputs (dataset_id, version, name, input_dataset_id, input_version) VALUES ($1, $2, $3, $4, $5)`
)

// AddDerived adds a version to main whose rows will be the result of a query over other versions, and requests its
// processing. key is the version's own, wrapped. The transaction holds the data set's row.
func AddDerived(ctx context.Context, tx *outbox.Tx, key []byte, by, id uuid.UUID, query string, inputs []Input) (int, error) {
	v, err := next(ctx, tx, id, Main, dataset.Processing, true, true)
	if err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, insertDerived, id, v, key, by, query); err != nil {
		return 0, fmt.Errorf("insert derived version: %w", err)
	}
	for _, in := range inputs {
		if _, err := tx.Exec(ctx, insertInput, id, v, in.Name, in.DatasetID, in.Version); err != nil {
			return 0, fmt.Errorf("insert input of derived version: %w", err)
		}
	}
	if err := Start(ctx, tx, id, Main); err != nil {
		return 0, err
	}
	state, err := dataset.State(ctx, tx, id)
	if err != nil {
		return 0, err
	}
	return v, tx.Publish(ctx, events.DatasetUploaded{Dataset: state})
}

const selectInputs = `
SELECT i.name, i.input_dataset_id AS dataset_id, i.input_version AS version, coalesce(d.name, i.name) AS dataset,
       d.id IS NULL OR d.deleted_at IS NOT NULL AS deleted, coalesce(v.status, '') = 'ready' AS ready, v.archived_at IS NOT NULL AS archived
FROM version_inputs i
LEFT JOIN datasets d ON d.id = i.input_dataset_id AND d.organization_id = $3 AND may_read(d, $4)
LEFT JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = i.input_version
WHERE i.dataset_id = $1 AND i.version = $2 ORDER BY i.name`

type derivedInput struct {
	Input
	Dataset                  string
	Deleted, Ready, Archived bool
}

// refusal returns an error if the rows of the version cannot be read.
func (in derivedInput) refusal() error {
	name := fault.Excerpt(in.Dataset)
	switch {
	case in.Deleted:
		return &invalid.Error{Detail: fmt.Sprintf("The data set %s, which the query reads, has been deleted or restricted: restore it, let every member read it, or change the query (POST /v1/datasets/{id}/derive).", name)}
	case in.Version == nil:
		return &invalid.Error{Detail: fmt.Sprintf("There is no ready version that the query reads as %s.", fault.Excerpt(in.Name))}
	case in.Archived:
		return &invalid.Error{Detail: fmt.Sprintf("Version %d of %s, which the query reads, is archived: recall it, and then retry this version.", *in.Version, name)}
	case !in.Ready:
		return &invalid.Error{Detail: fmt.Sprintf("Version %d of %s, which the query reads, has expired.", *in.Version, name)}
	}
	return nil
}

// deriveTimeout leaves time to profile and to store the result.
const deriveTimeout = 5 * time.Minute

// derive writes the result of the version's query, and finds its lineage.
func (w *preparation) derive(ctx context.Context, out *Outcome) (string, error) {
	everyone := access.Everyone(w.OrganizationID)
	rows, _ := w.Area.DB.Query(ctx, selectInputs, w.DatasetID, w.Version, w.OrganizationID, everyone)
	inputs, err := pgx.CollectRows(rows, pgx.RowToStructByName[derivedInput])
	if err != nil {
		return "", fmt.Errorf("list inputs: %w", err)
	}
	for _, in := range inputs {
		if err := in.refusal(); err != nil {
			return "", err
		}
	}
	var read []sandbox.Table
	var described []lineage.Table
	for i, in := range inputs {
		dir := filepath.Join(w.dir, strconv.Itoa(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return "", fmt.Errorf("make scratch directory: %w", err)
		}
		view, err := access.Load(ctx, w.Area.DB, in.DatasetID, everyone, w.Keys)
		if err != nil {
			return "", err
		}
		rows, err := w.reader().FetchView(ctx, in.DatasetID, *in.Version, dir, view)
		if err != nil {
			return "", err
		}
		read = append(read, sandbox.Table{Name: in.Name, Paths: rows.Files})
		described = append(described, lineage.Table{Name: in.Name, Columns: rows.Columns})
		w.progress.report("fetch", 0.2*float64(i+1)/float64(len(inputs)))
	}
	sql, _ := sqltext.Versions(w.Query)
	result, table := filepath.Join(w.dir, "result.parquet"), filepath.Join(w.dir, "table.parquet")
	w.progress.report("query", 0.2)
	err = sandbox.Write(ctx, read, sql.SQL, sandbox.Output{Path: result, Scratch: w.dir}, sandbox.Limits{Timeout: deriveTimeout})
	if err != nil {
		return "", refused(err)
	}
	if out.Edges, err = lineage.Columns(ctx, described, sql.SQL); err != nil {
		return "", fmt.Errorf("find lineage: %w", err)
	}
	out.Profile, err = ingest.Prepare(ctx, ingest.Source{Path: result, Format: ingest.Parquet, Columns: w.Schema.ResultColumns()}, table,
		ingest.Options{Scratch: w.dir, Progress: func(stage string, done float64) { w.progress.report(stage, 0.5+0.4*done) }})
	return table, err
}

// refused returns a fault of the query as one of the version.
func refused(err error) error {
	var wrong *sandbox.Error
	if !errors.As(err, &wrong) {
		return err
	}
	detail := "The query cannot be run: " + wrong.Detail
	if wrong.Hint != "" {
		detail += " " + wrong.Hint
	}
	return &invalid.Error{Detail: detail}
}
