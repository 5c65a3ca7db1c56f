package iceberg

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/access"
	"function/shared/auth"
	"function/shared/database"
)

// The namespaces.
const (
	own    = "datasets" // data sets of the caller's organization
	shared = "shared"   // those of others
)

// NamespacesRequest asks for the children of a namespace.
type NamespacesRequest struct {
	Parent    string `query:"parent" maxLength:"200" doc:"A namespace, whose children are listed. No namespace has any"`
	PageToken string `query:"pageToken" maxLength:"1000"`
	PageSize  int    `query:"pageSize" minimum:"1" maximum:"1000000"`
}

// NamespacesResponse lists namespaces.
type NamespacesResponse struct {
	Body struct {
		Namespaces [][]string `json:"namespaces" nullable:"false"`
	}
}

// Namespaces lists the namespaces.
func (f *Function) Namespaces(_ context.Context, in *NamespacesRequest) (*NamespacesResponse, error) {
	out := &NamespacesResponse{}
	switch in.Parent {
	case "":
		out.Body.Namespaces = [][]string{{own}, {shared}}
	case own, shared:
		out.Body.Namespaces = [][]string{}
	default:
		return nil, errNoNamespace
	}
	return out, nil
}

// NamespaceRequest names a namespace.
type NamespaceRequest struct {
	Namespace string `path:"namespace" maxLength:"200"`
}

func (r NamespaceRequest) check() error {
	if r.Namespace != own && r.Namespace != shared {
		return errNoNamespace
	}
	return nil
}

// NamespaceResponse describes a namespace.
type NamespaceResponse struct {
	Body struct {
		Namespace  []string          `json:"namespace" nullable:"false"`
		Properties map[string]string `json:"properties"`
	}
}

// Namespace describes a namespace.
func (f *Function) Namespace(_ context.Context, in *NamespaceRequest) (*NamespaceResponse, error) {
	out := &NamespaceResponse{}
	out.Body.Namespace, out.Body.Properties = []string{in.Namespace}, map[string]string{}
	return out, in.check()
}

// NamespaceExists answers without a body.
func (f *Function) NamespaceExists(_ context.Context, in *NamespaceRequest) (*struct{}, error) {
	return nil, in.check()
}

// TablesRequest asks for a page of tables.
type TablesRequest struct {
	NamespaceRequest
	PageToken string `query:"pageToken" maxLength:"1000" doc:"The next-page-token of the page before"`
	PageSize  int    `query:"pageSize" minimum:"1" maximum:"1000000" doc:"How many to list; without it, all"`
}

// Identifier names a table.
type Identifier struct {
	Namespace []string `json:"namespace" nullable:"false"`
	Name      string   `json:"name"`
}

// TablesResponse lists tables.
type TablesResponse struct {
	Body struct {
		Identifiers []Identifier `json:"identifiers" nullable:"false"`
		Next        *string      `json:"next-page-token,omitempty" doc:"For the next page; absent after the last one"`
	}
}

const selectTables = `
SELECT name FROM published.readable_tables($1)
WHERE kind = 'table' AND (version IS NOT NULL OR dataset_id IN (SELECT t.dataset_id FROM iceberg_tables t WHERE t.schema IS NOT NULL)) AND (organization_id = ($1::jsonb ->> 'organization')::uuid) = $2 AND name > $3 COLLATE "C"
ORDER BY name COLLATE "C" LIMIT $4`

// Tables lists tables by name.
func (f *Function) Tables(ctx context.Context, in *TablesRequest) (*TablesResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	var limit *int
	if in.PageSize > 0 {
		more := in.PageSize + 1
		limit = &more
	}
	rows, _ := f.db.Query(ctx, selectTables, access.Of(caller), in.Namespace == own, in.PageToken, limit)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	out := &TablesResponse{}
	if in.PageSize > 0 && len(names) > in.PageSize {
		names = names[:in.PageSize]
		out.Body.Next = &names[len(names)-1]
	}
	out.Body.Identifiers = slices.Grow([]Identifier{}, len(names))
	for _, name := range names {
		out.Body.Identifiers = append(out.Body.Identifiers, Identifier{[]string{in.Namespace}, name})
	}
	return out, nil
}

const selectTable = `
SELECT dataset_id AS id FROM published.readable_tables($1)
WHERE kind = 'table' AND (version IS NOT NULL OR dataset_id IN (SELECT t.dataset_id FROM iceberg_tables t WHERE t.schema IS NOT NULL)) AND (organization_id = ($1::jsonb ->> 'organization')::uuid) = $2 AND lower(name) = lower($3)`

// find returns the data set of a table.
func (f *Function) find(ctx context.Context, r access.Reader, in *TableName) (uuid.UUID, error) {
	if in.check() != nil {
		return uuid.Nil, in.errNotFound()
	}
	found, err := database.One[struct{ ID uuid.UUID }](ctx, f.db, in.errNotFound(), selectTable, r, in.Namespace == own, in.Table)
	return found.ID, err
}
