// Package recordlineage records what jobs of other systems read and wrote, as OpenLineage events say: POST /v1/lineage.
package recordlineage

import (
	"context"
	"mime"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"function/functions/datasets/internal/jobrun"
	"function/functions/datasets/internal/openlineage"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

const (
	linesType = "application/x-ndjson"
	maxSize   = 8 << 20
)

var (
	example = map[string]any{
		"eventType": "COMPLETE", "eventTime": "2026-01-31T12:00:00Z", "producer": "https://example.com/export",
		"schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
		"run":       map[string]any{"runId": "01977f3b-4b7a-7c61-9f5e-3a1f0f4e8d10"},
		"job":       map[string]any{"namespace": "airflow", "name": "export_orders"},
		"inputs":    []any{map[string]any{"namespace": "postgres://shop:5432", "name": "shop.public.orders"}},
	}
	schema = map[string]any{"schema": &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "A RunEvent, JobEvent or DatasetEvent of OpenLineage 2-0-2", Examples: []any{example}}}
	lines  = map[string]any{"schema": &huma.Schema{Type: huma.TypeString, Description: "An event in each line"}}
	body   = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{function.JSONType: {Extensions: schema}, linesType: {Extensions: lines}}}
)

// Service declares the function.
var Service = function.Endpoint(function.Post("datasets-record-lineage", "/v1/lineage", "Record OpenLineage events", policy.DatasetsWrite).
	Status(http.StatusCreated).Fails(fault.Malformed, fault.TooLarge, fault.Unsupported).Takes(body, maxSize).
	Describe("Takes a RunEvent, JobEvent or DatasetEvent of OpenLineage, or up to 1,000 of them in lines. All are stored, or none. "+
		"Events may come repeatedly and in any order: what is stored depends only on which events have come. "+
		"Inputs, outputs and their facets `columnLineage` and `version` become part of the lineage; other facets are checked but not stored. "+
		"The namespace `urn:uuid:` with the identifier of your organization names its own data sets, as in the events of `GET /v1/lineage/events`. "+
		"Without the facet `version`, an output is the newest version that had been uploaded when the run ended, and an input the one that was current when it began. "+
		"A name that you may not read is treated like that of another system."), New).
	Uses(function.Owns(database.Datasets))

// Request is one event or a batch.
type Request struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	function.Raw
}

// Response counts the events.
type Response struct {
	Body struct {
		Events int `json:"events" doc:"How many events were recorded, also earlier"`
	}
}

// Function records lineage.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

// Handle records the events.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	text, err := in.Bytes()
	if err != nil {
		return nil, err
	}
	mediaType, _, _ := mime.ParseMediaType(in.ContentType)
	events, err := openlineage.Parse(text, strings.EqualFold(mediaType, linesType))
	if err != nil {
		return nil, err
	}
	err = act.Do(ctx, f.db, audit.Entry{Action: "datasets:record_lineage"}, func(tx *outbox.Tx, entry *audit.Entry) error {
		entry.Detail = map[string]any{"events": len(events)}
		merged, err := resolve(ctx, tx, access.Of(caller), caller.UserID, events)
		if err != nil {
			return err
		}
		return jobrun.Merge(ctx, tx, merged)
	})
	if err != nil {
		return nil, err
	}
	out := &Response{}
	out.Body.Events = len(events)
	return out, nil
}
