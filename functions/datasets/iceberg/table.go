package iceberg

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"function/functions/datasets/internal/icebergtable"
	"function/shared/access"
	"function/shared/audit"
	"function/shared/auth"
)

var notModified = map[string]*huma.Response{"304": {Description: "Not Modified: the table is the one that If-None-Match names"}}

// TableName names a table.
type TableName struct {
	NamespaceRequest
	Table string `path:"table" maxLength:"1000"`
}

// TableRequest asks for a table.
type TableRequest struct {
	TableName
	Snapshots   string `query:"snapshots" enum:"all,refs" default:"all" doc:"all, or only those that branches and tags name"`
	IfNoneMatch string `header:"If-None-Match" maxLength:"1000"`
	Delegation  string `header:"X-Iceberg-Access-Delegation" maxLength:"200" doc:"vended-credentials, which every table has, or remote-signing, which is not supported"`
}

// TableResponse is a table.
type TableResponse struct {
	Status int
	ETag   string `header:"ETag"`
	Body   *LoadedTable
}

// LoadedTable is a table with the configuration by which to read its files.
type LoadedTable struct {
	Location    string                     `json:"metadata-location"`
	Metadata    icebergtable.TableMetadata `json:"metadata"`
	Config      map[string]string          `json:"config"`
	Credentials []Credential               `json:"storage-credentials,omitempty"`
}

// Table loads a table.
func (f *Function) Table(ctx context.Context, in *TableRequest) (*TableResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	reader := access.Of(caller)
	id, err := f.find(ctx, reader, &in.TableName)
	if err != nil {
		return nil, err
	}
	t, err := f.tables.Load(ctx, reader, id, in.Snapshots == "refs")
	if err != nil {
		return nil, err
	}
	tag := `"` + t.Tag + `"`
	if in.known(tag) {
		return &TableResponse{Status: http.StatusNotModified, ETag: tag}, nil
	}
	entry := audit.Entry{Action: "datasets:download", ResourceID: id.String(), Detail: map[string]any{"version": t.CurrentSnapshotID, "format": "iceberg"}}
	if err := audit.Record(ctx, f.db, entry); err != nil {
		return nil, err
	}
	return f.response(ctx, caller, id, t)
}

// known reports whether the client has what the tag names.
func (r *TableRequest) known(tag string) bool {
	for one := range strings.SplitSeq(r.IfNoneMatch, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

// TableExists answers without a body.
func (f *Function) TableExists(ctx context.Context, in *TableName) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err == nil {
		_, err = f.find(ctx, access.Of(caller), in)
	}
	return nil, err
}

// MetricsRequest is a report, which is not read.
type MetricsRequest struct {
	TableName
	Body map[string]any
}

// Metrics drops a report.
func (f *Function) Metrics(ctx context.Context, in *MetricsRequest) (*struct{}, error) {
	return f.TableExists(ctx, &in.TableName)
}
