// Package jobrun stores what runs of jobs read and wrote: jobs of other systems, and reports. Its tables hold the greatest
// of what was said, so that events may come repeatedly and in any order.
package jobrun

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/openlineage"
	"function/shared/outbox"
)

// Kinds of nodes.
const (
	DatasetNode = "dataset" // a data set of another system
	JobNode     = "job"
	ReportNode  = "report" // both a job and what it makes
)

// Node is a job, or a data set that is not one of ours.
type Node struct {
	ID        uuid.UUID
	Kind      string
	Namespace string
	Name      string
}

// NodeOf returns the node with a name. Its identifier is always the same.
func NodeOf(organization uuid.UUID, kind string, n openlineage.Name) Node {
	key, _ := json.Marshal([]string{kind, n.Namespace, n.Name}) // strings can be encoded
	return Node{uuid.NewSHA1(organization, key), kind, n.Namespace, n.Name}
}

// Declared is the state of what a job or a data set declares without a run.
const Declared = "DECLARED"

// ranks orders states: one of a higher rank wins, because a run that has ended does not start again.
var ranks = map[string]int{"START": 1, "RUNNING": 1, "COMPLETE": 2, "ABORT": 2, "FAIL": 2, Declared: 2}

// Event is what is known of a run at a time.
type Event struct {
	OrganizationID uuid.UUID
	By             uuid.UUID
	Job            Node
	RunID          *uuid.UUID // nil: there is no run
	State          string
	At             time.Time
	Used           []Used
}

// Used is an input or an output of a run.
type Used struct {
	Output    bool
	External  *Node
	DatasetID *uuid.UUID // one of ours, if External is nil
	Version   int        // of ours; zero: the one of the time of the run
	Columns   []Column   // of an output; nil: nothing is said about them
}

// Column is an input of a column of an output.
type Column struct {
	To             string    `json:"to"` // empty: every column
	Input          uuid.UUID `json:"input"`
	Version        int       `json:"version,omitempty"` // of the input; zero: all that the run read
	From           string    `json:"from"`
	Kind           string    `json:"kind"`
	Transformation string    `json:"transformation"`
}

// id identifies the run in the database.
func (e Event) id() uuid.UUID {
	if e.RunID == nil {
		return uuid.NewSHA1(e.Job.ID, nil)
	}
	return uuid.NewSHA1(e.Job.ID, e.RunID[:])
}

const (
	insertNode = `
INSERT INTO lineage_nodes (id, organization_id, kind, namespace, name) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`
	mergeRun = `
INSERT INTO lineage_runs AS r (id, organization_id, job_id, run_id, state, state_rank, state_at, reported_by, first_at, last_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $7)
ON CONFLICT (id) DO UPDATE SET (state, state_rank, state_at, reported_by) =
        (SELECT state, state_rank, state_at, reported_by
         FROM (VALUES (r.state, r.state_rank, r.state_at, r.reported_by), (EXCLUDED.state, EXCLUDED.state_rank, EXCLUDED.state_at, EXCLUDED.reported_by))
              s (state, state_rank, state_at, reported_by)
         ORDER BY state_rank DESC, state_at DESC, state DESC, reported_by DESC LIMIT 1),
    first_at = least(r.first_at, EXCLUDED.first_at), last_at = greatest(r.last_at, EXCLUDED.last_at)`
	mergeUsed = `
INSERT INTO lineage_run_datasets AS u (run_id, output, external_id, dataset_id, named_version, version, columns, columns_at)
VALUES ($1, $2, $3, $4, $5, nullif($5, 0), $6, CASE WHEN $6::jsonb IS NOT NULL THEN $7::timestamptz END)
ON CONFLICT (run_id, output, node, named_version) DO UPDATE SET columns = EXCLUDED.columns, columns_at = EXCLUDED.columns_at
WHERE EXCLUDED.columns_at IS NOT NULL
  AND (u.columns_at IS NULL OR (EXCLUDED.columns_at, EXCLUDED.columns::text) > (u.columns_at, u.columns::text))`
	// An output is the newest version that had been uploaded when the run ended, and an input the one that was current
	// when it began. What another event names by its version is not guessed.
	resolve = `
UPDATE lineage_run_datasets u SET version = CASE
    WHEN EXISTS (SELECT FROM lineage_run_datasets n WHERE n.run_id = u.run_id AND n.output = u.output AND n.node = u.node AND n.named_version > 0) THEN NULL
    WHEN u.output THEN (SELECT max(v.version) FROM dataset_versions v WHERE v.dataset_id = u.dataset_id AND v.branch = 'main' AND v.uploaded_at <= r.last_at)
    ELSE (SELECT max(v.version) FROM dataset_versions v WHERE v.dataset_id = u.dataset_id AND v.branch = 'main' AND v.status IN ('ready', 'expired') AND v.profiled_at <= r.first_at) END
FROM lineage_runs r WHERE r.id = u.run_id AND r.id = $1 AND u.named_version = 0 AND u.dataset_id IS NOT NULL`
)

// Merge adds events to what is known. Events of the same runs that are merged at the same time take turns.
func Merge(ctx context.Context, tx *outbox.Tx, events []Event) error {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.id().String(), b.id().String()) }) // so that none waits in a circle
	known := map[uuid.UUID]bool{}
	node := func(e Event, n Node) error {
		if known[n.ID] {
			return nil
		}
		known[n.ID] = true
		_, err := tx.Exec(ctx, insertNode, n.ID, e.OrganizationID, n.Kind, n.Namespace, n.Name)
		return err
	}
	for _, e := range events {
		if err := merge(ctx, tx, e, node); err != nil {
			return fmt.Errorf("merge event of run: %w", err)
		}
	}
	return nil
}

func merge(ctx context.Context, tx *outbox.Tx, e Event, node func(Event, Node) error) error {
	if err := node(e, e.Job); err != nil {
		return err
	}
	id := e.id()
	if _, err := tx.Exec(ctx, mergeRun, id, e.OrganizationID, e.Job.ID, e.RunID, e.State, ranks[e.State], e.At, e.By); err != nil {
		return err
	}
	for _, u := range e.Used {
		var external *uuid.UUID
		if u.External != nil {
			external = &u.External.ID
			if err := node(e, *u.External); err != nil {
				return err
			}
		}
		var columns *string
		if u.Output && u.Columns != nil {
			text, err := json.Marshal(sorted(u.Columns))
			if err != nil {
				return err
			}
			columns = new(string(text))
		}
		if _, err := tx.Exec(ctx, mergeUsed, id, u.Output, external, u.DatasetID, u.Version, columns, e.At); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, resolve, id)
	return err
}

// sorted returns columns in an order that does not depend on the one of the event, each once.
func sorted(columns []Column) []Column {
	columns = slices.Clone(columns)
	slices.SortFunc(columns, func(a, b Column) int {
		return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.Input.String(), b.Input.String()), cmp.Compare(a.Version, b.Version), cmp.Compare(a.From, b.From), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Transformation, b.Transformation))
	})
	return slices.Compact(columns)
}
