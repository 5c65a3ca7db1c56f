// Package recordreport records which versions reports have read, so that the lineage leads to them. It runs when a
// report has run, and when one has been deleted.
package recordreport

import (
	"context"

	"github.com/google/uuid"

	"function/functions/datasets/internal/jobrun"
	"function/functions/datasets/internal/openlineage"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Service("datasets-record-report", New, function.OnEvent((*Function).Ran), function.OnEvent((*Function).Deleted)).
	Uses(function.Owns(database.Datasets))

// Function records reports.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	// A report is inserted before its runs are, so that a deletion at the same time waits and deletes them.
	insertReport = `
INSERT INTO lineage_nodes AS n (id, organization_id, kind, namespace, name) SELECT $1, $2, 'report', $3, $4 WHERE NOT is_erased($2)
ON CONFLICT (id) DO UPDATE SET name = n.name RETURNING n.deleted`
	// Older runs that read the same versions show nothing more.
	deleteSame = `
DELETE FROM lineage_runs r WHERE r.job_id = $1 AND r.run_id <> $2 AND r.last_at <= $3
  AND (SELECT array_agg((u.dataset_id, u.named_version) ORDER BY u.dataset_id, u.named_version) FROM lineage_run_datasets u WHERE u.run_id = r.id AND NOT u.output)
    = (SELECT array_agg((u.dataset_id, u.named_version) ORDER BY u.dataset_id, u.named_version)
       FROM lineage_run_datasets u JOIN lineage_runs n ON n.id = u.run_id WHERE n.job_id = $1 AND n.run_id = $2 AND NOT u.output)`
	selectExisting = `SELECT count(*) FROM datasets WHERE id = $1`
)

// Ran records the versions that a run of a report has read.
func (f *Function) Ran(ctx context.Context, e events.Received[events.ReportRan]) error {
	return outbox.Once(ctx, f.db, e, func(tx *outbox.Tx) error {
		report := jobrun.Node{ID: e.Data.ReportID, Kind: jobrun.ReportNode, Namespace: openlineage.Namespace(e.Data.OrganizationID), Name: e.Data.Name}
		var deleted bool
		err := tx.QueryRow(ctx, insertReport, report.ID, e.Data.OrganizationID, report.Namespace, report.Name).Scan(&deleted)
		if deleted || database.IsNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		run := jobrun.Event{OrganizationID: e.Data.OrganizationID, By: e.Data.CreatedBy, Job: report, RunID: &e.Data.RunID, State: "COMPLETE", At: e.Data.FinishedAt}
		gone := map[uuid.UUID]bool{}
		for _, v := range e.Data.Versions {
			var existing int
			if err := tx.QueryRow(ctx, selectExisting, v.DatasetID).Scan(&existing); err != nil {
				return err
			}
			if gone[v.DatasetID] = existing == 0; existing > 0 {
				run.Used = append(run.Used, jobrun.Used{DatasetID: &v.DatasetID, Version: v.Version})
			}
		}
		made := jobrun.Used{Output: true, External: &report, Columns: []jobrun.Column{}}
		for _, c := range e.Data.Columns {
			if !gone[c.DatasetID] {
				made.Columns = append(made.Columns, jobrun.Column{To: c.Result, Input: c.DatasetID, Version: c.Version, From: c.Column, Kind: c.Kind, Transformation: c.Transformation})
			}
		}
		run.Used = append(run.Used, made)
		if err := jobrun.Merge(ctx, tx, []jobrun.Event{run}); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, deleteSame, report.ID, e.Data.RunID, e.Data.FinishedAt)
		return err
	})
}

const (
	markDeleted = `
INSERT INTO lineage_nodes (id, organization_id, kind, namespace, name, deleted) SELECT $1, $2, 'report', '', '', true WHERE NOT is_erased($2)
ON CONFLICT (id) DO UPDATE SET name = '', deleted = true`
	deleteRuns = `DELETE FROM lineage_runs WHERE job_id = $1`
)

// Deleted removes a report. News of its runs that arrives later is ignored.
func (f *Function) Deleted(ctx context.Context, e events.Received[events.ReportDeleted]) error {
	return outbox.Once(ctx, f.db, e, func(tx *outbox.Tx) error {
		if _, err := tx.Exec(ctx, markDeleted, e.Data.ReportID, e.Data.OrganizationID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, deleteRuns, e.Data.ReportID)
		return err
	})
}
