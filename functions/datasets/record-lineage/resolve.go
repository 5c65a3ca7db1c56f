package recordlineage

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/jobrun"
	"function/functions/datasets/internal/openlineage"
	"function/shared/access"
	"function/shared/database"
	"function/shared/fault"
)

const (
	selectOwn = `
SELECT d.id, d.name FROM datasets d JOIN unnest($3::text[]) n (name) ON lower(d.name) = lower(n.name)
WHERE d.organization_id = $1 AND may_read(d, $2) AND d.kind = 'table' AND d.deleted_at IS NULL`
	selectVersions = `
SELECT v.dataset_id, v.version FROM unnest($1::uuid[], $2::int[]) w (id, number) JOIN dataset_versions v ON v.dataset_id = w.id AND v.version = w.number`
)

// resolution finds the data sets of the caller's organization that events name. A name that the caller may not read is
// like any other name, so that the answer does not tell whether the data set exists.
type resolution struct {
	organization uuid.UUID
	own          map[string]uuid.UUID // by name in lower case
	versions     map[ownVersion]bool
	wrong        []fault.Field
}

type ownVersion struct {
	id     uuid.UUID
	number int
}

func resolve(ctx context.Context, db database.Querier, reader access.Reader, by uuid.UUID, events []openlineage.Event) ([]jobrun.Event, error) {
	r := &resolution{organization: reader.Organization, own: map[string]uuid.UUID{}, versions: map[ownVersion]bool{}}
	if err := r.load(ctx, db, reader, events); err != nil {
		return nil, err
	}
	var merged []jobrun.Event
	for _, e := range events {
		if e.Job == (openlineage.Name{}) && e.Outputs[0].Columns == nil {
			continue // a data set is described, without lineage
		}
		merged = append(merged, r.event(e, by))
	}
	if len(r.wrong) > 0 {
		refusal := fault.New(fault.Invalid, "Nothing was stored, because some events name versions that do not exist: correct the members that are named, and send all events again")
		refusal.Fields = r.wrong[:min(len(r.wrong), 20)]
		return nil, refusal
	}
	return merged, nil
}

// load looks up the data sets and versions that events name.
func (r *resolution) load(ctx context.Context, db database.Querier, reader access.Reader, events []openlineage.Event) error {
	var names []string
	named := map[string][]int{}
	for _, e := range events {
		for _, list := range [][]openlineage.Dataset{e.Inputs, e.Outputs} {
			for _, d := range list {
				names = append(names, r.ownName(d.Name)...)
				for _, c := range d.Columns {
					names = append(names, r.ownName(c.Input)...)
				}
				if n, err := strconv.ParseInt(d.Version, 10, 32); err == nil && n > 0 {
					named[strings.ToLower(d.Name.Name)] = append(named[strings.ToLower(d.Name.Name)], int(n))
				}
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	rows, _ := db.Query(ctx, selectOwn, r.organization, reader, names)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[struct {
		ID   uuid.UUID
		Name string
	}])
	if err != nil {
		return fmt.Errorf("look up data sets: %w", err)
	}
	var ids []uuid.UUID
	var numbers []int
	for _, d := range found {
		name := strings.ToLower(d.Name)
		r.own[name] = d.ID
		for _, n := range named[name] {
			ids, numbers = append(ids, d.ID), append(numbers, n)
		}
	}
	rows, _ = db.Query(ctx, selectVersions, ids, numbers)
	versions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		ID     uuid.UUID
		Number int
	}])
	if err != nil {
		return fmt.Errorf("look up versions: %w", err)
	}
	for _, v := range versions {
		r.versions[ownVersion{v.ID, v.Number}] = true
	}
	return nil
}

// ownName returns the name in a list if it is in the organization's namespace.
func (r *resolution) ownName(n openlineage.Name) []string {
	if !strings.EqualFold(n.Namespace, openlineage.Namespace(r.organization)) {
		return nil
	}
	return []string{n.Name}
}

// dataset returns one of the organization's data sets, or the node of another one.
func (r *resolution) dataset(n openlineage.Name) (own *uuid.UUID, external *jobrun.Node) {
	if names := r.ownName(n); names != nil {
		if id, ok := r.own[strings.ToLower(n.Name)]; ok {
			return &id, nil
		}
	}
	node := jobrun.NodeOf(r.organization, jobrun.DatasetNode, n)
	return nil, &node
}

func (r *resolution) event(e openlineage.Event, by uuid.UUID) jobrun.Event {
	out := jobrun.Event{OrganizationID: r.organization, By: by, State: e.Type, At: e.Time}
	if e.RunID == uuid.Nil {
		out.State = jobrun.Declared
	} else {
		out.RunID = &e.RunID
	}
	job := e.Job
	if job == (openlineage.Name{}) {
		job = e.Outputs[0].Name // a data set says itself where its columns come from
	}
	out.Job = jobrun.NodeOf(r.organization, jobrun.JobNode, job)
	for _, d := range e.Inputs {
		out.Used = append(out.Used, r.used(d, false))
	}
	for _, d := range e.Outputs {
		u := r.used(d, true)
		for _, c := range d.Columns {
			id, external := r.dataset(c.Input)
			if external != nil {
				id = &external.ID
			}
			u.Columns = append(u.Columns, jobrun.Column{To: c.To, Input: *id, From: c.From, Kind: c.Kind, Transformation: c.Transformation})
			out.Used = r.withInput(out.Used, c.Input)
		}
		out.Used = append(out.Used, u)
	}
	return out
}

func (r *resolution) used(d openlineage.Dataset, output bool) jobrun.Used {
	u := jobrun.Used{Output: output}
	if d.Columns != nil {
		u.Columns = []jobrun.Column{}
	}
	if u.DatasetID, u.External = r.dataset(d.Name); u.External != nil || d.Version == "" {
		return u
	}
	n, err := strconv.ParseInt(d.Version, 10, 32)
	if u.Version = int(n); err != nil || !r.versions[ownVersion{*u.DatasetID, u.Version}] {
		r.wrong = append(r.wrong, fault.Field{Location: d.At + ".facets.version.datasetVersion", Message: "is not the number of a version of this data set"})
	}
	return u
}

// withInput adds an input that only the lineage of a column names.
func (r *resolution) withInput(used []jobrun.Used, n openlineage.Name) []jobrun.Used {
	id, external := r.dataset(n)
	for _, u := range used {
		if !u.Output && (id != nil && u.DatasetID != nil && *u.DatasetID == *id || external != nil && u.External != nil && u.External.ID == external.ID) {
			return used
		}
	}
	return append(used, jobrun.Used{DatasetID: id, External: external})
}
