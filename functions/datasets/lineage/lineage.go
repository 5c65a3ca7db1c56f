// Package lineage shows from which versions and columns a version was made, and what was made from it: GET
// /v1/datasets/{id}/lineage, /v1/datasets/{id}/lineage/picture as an SVG image, and
// /v1/lineage/events as OpenLineage events.
package lineage

import (
	"context"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

const path = "/v1/datasets/{id}/lineage"

// Service declares the function.
var Service = function.Service("datasets-lineage", New,
	function.On(function.Get("datasets-lineage", path, "Show what a version was made from, and what was made from it", policy.DatasetsRead).Fails(fault.Conflict).
		Describe("Nodes are versions; an edge goes from a version to one that was made from it. Versions never change, so neither does what they were made from. "+
			"Runs of jobs of other systems (`POST /v1/lineage`) and of reports stand between what they read and what they wrote. A data set of another system is connected with the newest run of each job only. "+
			"Columns of a derived version come from the engine's plan of its query; their kinds and transformations are those of OpenLineage."), (*Function).Show),
	function.On(function.Get("datasets-lineage-picture", path+"/picture", "Draw the lineage of a version", policy.DatasetsRead).Fails(fault.Conflict).
		Answers(map[string]*huma.Response{"200": {
			Description: "The picture",
			Content:     map[string]*huma.MediaType{"image/svg+xml": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}}), (*Function).Draw),
	function.On(function.Get("datasets-lineage-events", "/v1/lineage/events", "Export lineage as OpenLineage events", policy.DatasetsRead).Fails(fault.Conflict).
		Describe("A line of JSON for each finished version of a data set: a RunEvent with its inputs, its schema, its query and the lineage of its columns.").
		Answers(map[string]*huma.Response{"200": {
			Description: "The events",
			Content:     map[string]*huma.MediaType{"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}}), (*Function).Events),
).Uses(function.Owns(database.Datasets))

// Request selects a part of the graph.
type Request struct {
	ID        uuid.UUID `path:"id" format:"uuid"`
	Version   string    `query:"version" default:"main" maxLength:"63" doc:"A number, tag, branch or time" example:"3"`
	Direction string    `query:"direction" enum:"upstream,downstream,both" default:"both" doc:"upstream: what the version was made from; downstream: what was made from it"`
	Depth     int       `query:"depth" minimum:"1" maximum:"100" default:"10" doc:"Maximum number of edges between the version and another node"`
}

// ShowRequest selects a part of the graph.
type ShowRequest struct {
	Request
	Columns bool `query:"columns" doc:"Also return the edges between columns"`
}

// Response is a part of the graph.
type Response struct{ Body Graph }

// PictureResponse is the image. Its policy keeps a browser from running scripts in it or loading anything (CSP Level 3).
type PictureResponse struct {
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy"`
	Body        []byte
}

// Function shows lineage.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

// Show returns the graph.
func (f *Function) Show(ctx context.Context, in *ShowRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	g, err := find(ctx, f.db, access.Of(caller), &in.Request)
	if err == nil && in.Columns {
		err = f.columns(ctx, access.Of(caller), g)
	}
	if err != nil {
		return nil, err
	}
	return &Response{*g}, nil
}

// Draw returns the graph as an image.
func (f *Function) Draw(ctx context.Context, in *Request) (*PictureResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	g, err := find(ctx, f.db, access.Of(caller), in)
	if err != nil {
		return nil, err
	}
	return &PictureResponse{ContentType: "image/svg+xml", Policy: "default-src 'none'; style-src 'unsafe-inline'; sandbox", Body: draw(g)}, nil
}
