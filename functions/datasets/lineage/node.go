package lineage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/access"
	"function/shared/database"
)

// Node is a version, a run of a job or of a report, a data set of another system, or a report.
type Node struct {
	ID        string     `json:"id" doc:"Of a version: dataset_id and version" example:"0197a3c2-7b1d-7e59-9d51-5d7c1d0c9a11/3"`
	Kind      string     `json:"kind" enum:"version,dataset,run,report" doc:"dataset: one of another system, as OpenLineage events name it"`
	DatasetID *uuid.UUID `json:"dataset_id,omitempty" format:"uuid" doc:"Of a version"`
	Version   *int       `json:"version,omitempty"`
	Visible   bool       `json:"visible" doc:"Whether the data set exists and you may see it; otherwise the following members are absent"`
	Name      *string    `json:"name,omitempty" doc:"Of the data set, of the report, or of the job that ran"`
	Namespace *string    `json:"namespace,omitempty" doc:"Of a data set of another system, or of the job that ran"`
	Operation *string    `json:"operation,omitempty" enum:"replace,append,upsert,delete,restore,merge,derive"`
	Status    *string    `json:"status,omitempty" enum:"processing,ready,failed,expired,blocked,START,RUNNING,COMPLETE,OTHER,DECLARED" doc:"Of a version, or of a run in capital letters; DECLARED: by an event without a run"`
	Format    *string    `json:"format,omitempty" doc:"Of the uploaded file"`
	Query     *string    `json:"query,omitempty" doc:"Of a derived version"`
	ReportID  *uuid.UUID `json:"report_id,omitempty" format:"uuid" doc:"Of a report or of its run"`
	RunID     *uuid.UUID `json:"run_id,omitempty" format:"uuid" doc:"As events name it; of a run of a report: that run"`
	CreatedBy *uuid.UUID `json:"created_by,omitempty" format:"uuid" doc:"Who made the version, or who reported the run or has created the report"`
	CreatedAt *time.Time `json:"created_at,omitempty" doc:"Of a run: its beginning"`
	EndedAt   *time.Time `json:"ended_at,omitempty" doc:"Of a run: its newest event"`
}

const (
	// selectNodes decides what the caller may see: versions of data sets that the reader $3 may read and that have not been
	// deleted. LIMIT makes PostgreSQL look up each version, and not read all data sets.
	selectNodes = `
SELECT w.id || '/' || w.number AS id, 'version' AS kind, w.id AS dataset_id, w.number AS version, n.name IS NOT NULL AS visible,
       n.name, n.operation, n.status, n.format, n.query, n.uploaded_by AS created_by, n.uploaded_at AS created_at
FROM unnest($1::uuid[], $2::int[]) w (id, number)
LEFT JOIN LATERAL (
    SELECT d.name, v.operation, v.status, v.format, v.query, v.uploaded_by, v.uploaded_at
    FROM datasets d LEFT JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = w.number
    WHERE d.id = w.id AND may_read(d, $3) AND d.deleted_at IS NULL LIMIT 1) n ON true
ORDER BY w.id, w.number`
	selectNamed = `
SELECT 'named/' || id AS id, kind, true AS visible, name, CASE WHEN kind = 'dataset' THEN namespace END AS namespace,
       CASE WHEN kind = 'report' THEN id END AS report_id
FROM lineage_nodes WHERE id = ANY ($1) ORDER BY id`
	selectRuns = `
SELECT 'run/' || r.id AS id, 'run' AS kind, true AS visible, j.name, CASE WHEN j.kind = 'job' THEN j.namespace END AS namespace, r.state AS status,
       CASE WHEN j.kind = 'report' THEN j.id END AS report_id, r.run_id, r.reported_by AS created_by, r.first_at AS created_at, r.last_at AS ended_at
FROM lineage_runs r JOIN lineage_nodes j ON j.id = r.job_id WHERE r.id = ANY ($1) ORDER BY r.id`
)

// nodes returns the nodes with the keys. Those that are not versions belong to the reader's organization.
func nodes(ctx context.Context, db database.Querier, r access.Reader, found map[key]bool) ([]Node, error) {
	var ids, others, runs []uuid.UUID
	var numbers []int
	for k := range found {
		switch k.number {
		case named:
			others = append(others, k.id)
		case run:
			runs = append(runs, k.id)
		default:
			ids, numbers = append(ids, k.id), append(numbers, k.number)
		}
	}
	list, err := read(ctx, db, selectNodes, ids, numbers, r)
	for _, other := range []struct {
		sql string
		ids []uuid.UUID
	}{{selectNamed, others}, {selectRuns, runs}} {
		if err == nil && len(other.ids) > 0 {
			var more []Node
			more, err = read(ctx, db, other.sql, other.ids)
			list = append(list, more...)
		}
	}
	return list, err
}

func read(ctx context.Context, db database.Querier, sql string, args ...any) ([]Node, error) {
	rows, _ := db.Query(ctx, sql, args...)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByNameLax[Node])
	if err != nil {
		return nil, fmt.Errorf("read nodes of the graph: %w", err)
	}
	return list, nil
}
