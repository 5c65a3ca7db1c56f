package lineage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/auth"
	"function/shared/resultset"
)

// EventsRequest selects finished versions of a data set.
type EventsRequest struct {
	Dataset uuid.UUID `query:"dataset" format:"uuid" required:"true"`
	After   int       `query:"after" minimum:"0" default:"0" doc:"Only versions after this number"`
	Limit   int       `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of events"`
}

// EventsResponse has an event in each line.
type EventsResponse struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// Columns of a version that is not derived come from those of the same name, which have no edges here.
const selectEvents = `
SELECT d.organization_id, d.name, v.version, v.operation, v.status, v.failure, v.query, v.profiled_at, v.columns,
       (SELECT json_agg(json_build_object('alias', i.name, 'name', coalesce(s.name, i.input_dataset_id::text), 'version', i.input_version) ORDER BY i.name)
        FROM version_inputs i LEFT JOIN datasets s ON s.id = i.input_dataset_id AND may_read(s, $2) AND s.deleted_at IS NULL
        WHERE i.dataset_id = d.id AND i.version = v.version) AS inputs,
       (SELECT json_agg(json_build_object('alias', c.name, 'output', c.column_name, 'column', c.input_column, 'kind', c.kind, 'transformation', c.transformation)
                        ORDER BY c.column_name, c.name, c.input_column, c.transformation)
        FROM version_column_inputs c WHERE c.dataset_id = d.id AND c.version = v.version) AS edges
FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id
WHERE d.id = $1 AND may_read(d, $2) AND v.version > $3 AND v.profiled_at IS NOT NULL AND v.status IN ('ready', 'failed')
ORDER BY v.version LIMIT $4`

type finished struct {
	OrganizationID          uuid.UUID
	Name, Operation, Status string
	Version                 int
	Failure, Query          *string
	ProfiledAt              time.Time
	Columns                 []resultset.Column
	Inputs                  []struct {
		Alias, Name string
		Version     *int
	}
	Edges []struct{ Alias, Output, Column, Kind, Transformation string }
}

// Events returns how versions were made, as run events of OpenLineage 2.0.2, oldest first.
func (f *Function) Events(ctx context.Context, in *EventsRequest) (*EventsResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	reader := access.Of(caller)
	if err := dataset.Readable(ctx, f.db, dataset.Table, in.Dataset, reader); err != nil {
		return nil, err
	}
	view, err := access.Load(ctx, f.db, in.Dataset, reader, nil)
	if err != nil {
		return nil, err
	}
	rows, _ := f.db.Query(ctx, selectEvents, in.Dataset, reader, in.After, in.Limit)
	versions, err := pgx.CollectRows(rows, pgx.RowToStructByName[finished])
	if err != nil {
		return nil, fmt.Errorf("list finished versions: %w", err)
	}
	var body bytes.Buffer
	for _, v := range versions {
		if v.Failure != nil && !view.Whole() {
			concealed := dataset.Concealed
			v.Failure = &concealed
		}
		if err := json.NewEncoder(&body).Encode(v.event(in.Dataset)); err != nil {
			return nil, fmt.Errorf("encode event: %w", err)
		}
	}
	return &EventsResponse{ContentType: "application/x-ndjson", Body: body.Bytes()}, nil
}

const (
	producer = "https://appliedinnovationcorp.com/data-services"
	spec     = "https://openlineage.io/spec/"
)

type object = map[string]any

// facet returns a facet of a version of OpenLineage's schemas.
func facet(version, name string, members object) object {
	members["_producer"], members["_schemaURL"] = producer, spec+"facets/"+version+"/"+name+".json#/$defs/"+name
	return members
}

// event returns the run that made the version. The identifier of the run is always the same.
func (v finished) event(id uuid.UUID) object {
	namespace := "urn:uuid:" + v.OrganizationID.String()
	kind, runFacets, jobFacets := "COMPLETE", object{}, object{}
	if v.Failure != nil {
		kind = "FAIL"
		runFacets["errorMessage"] = facet("1-0-1", "ErrorMessageRunFacet", object{"message": *v.Failure, "programmingLanguage": "SQL"})
	}
	if v.Query != nil {
		jobFacets["sql"] = facet("1-1-0", "SQLJobFacet", object{"query": *v.Query, "dialect": "duckdb"})
	}
	inputs, named := []object{}, map[string]string{}
	for _, i := range v.Inputs {
		facets := object{}
		if named[i.Alias] = i.Name; i.Version != nil {
			facets["version"] = facet("1-0-1", "DatasetVersionDatasetFacet", object{"datasetVersion": strconv.Itoa(*i.Version)})
		}
		inputs = append(inputs, object{"namespace": namespace, "name": i.Name, "facets": facets})
	}
	facets := object{"version": facet("1-0-1", "DatasetVersionDatasetFacet", object{"datasetVersion": strconv.Itoa(v.Version)})}
	fields := []object{}
	for _, c := range v.Columns {
		fields = append(fields, object{"name": c.Name, "type": c.Type})
	}
	if len(fields) > 0 {
		facets["schema"] = facet("1-1-1", "SchemaDatasetFacet", object{"fields": fields})
	}
	if len(v.Edges) > 0 {
		facets["columnLineage"] = v.columnLineage(namespace, named)
	}
	return object{
		"eventType": kind, "eventTime": v.ProfiledAt.UTC().Format(time.RFC3339Nano), "producer": producer, "schemaURL": spec + "2-0-2/OpenLineage.json#/$defs/RunEvent",
		"run":     object{"runId": uuid.NewSHA1(id, []byte(strconv.Itoa(v.Version))), "facets": runFacets},
		"job":     object{"namespace": namespace, "name": v.Name + "." + v.Operation, "facets": jobFacets},
		"inputs":  inputs,
		"outputs": []object{{"namespace": namespace, "name": v.Name, "facets": facets}},
	}
}

// columnLineage returns the facet of the columns. What decides on rows belongs to the whole data set.
func (v finished) columnLineage(namespace string, named map[string]string) object {
	type field struct{ output, alias, column string }
	byField := map[field][]object{}
	var order []field
	for _, e := range v.Edges {
		at := field{e.Output, e.Alias, e.Column}
		if byField[at] == nil {
			order = append(order, at)
		}
		byField[at] = append(byField[at], object{"type": e.Kind, "subtype": e.Transformation})
	}
	whole, fields := []object{}, map[string]map[string][]object{}
	for _, at := range order {
		from := object{"namespace": namespace, "name": named[at.alias], "field": at.column, "transformations": byField[at]}
		switch {
		case at.output == "":
			whole = append(whole, from)
		case fields[at.output] == nil:
			fields[at.output] = map[string][]object{"inputFields": {from}}
		default:
			fields[at.output]["inputFields"] = append(fields[at.output]["inputFields"], from)
		}
	}
	return facet("1-2-0", "ColumnLineageDatasetFacet", object{"fields": fields, "dataset": whole})
}
