package iceberg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/icebergtable"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// CreateTableRequest describes a table.
type CreateTableRequest struct {
	NamespaceRequest
	Body struct {
		Name       string          `json:"name" doc:"The name of the data set"`
		Location   *string         `json:"location,omitempty" doc:"Not supported: the platform chooses it"`
		Schema     json.RawMessage `json:"schema" doc:"Schema of the specification. The platform numbers its fields"`
		Spec       json.RawMessage `json:"partition-spec,omitempty" doc:"Without fields"`
		Order      json.RawMessage `json:"write-order,omitempty" doc:"Without fields"`
		Stage      bool            `json:"stage-create,omitempty" doc:"Whether only a commit makes the table visible in the catalogue"`
		Properties json.RawMessage `json:"properties,omitempty"`
	}
}

var (
	tableName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,62}$`)
	errLocation = fault.New(fault.NotAcceptable, "The location of a table cannot be chosen: leave it out")
	errShared   = fault.New(fault.Forbidden, "The namespace shared has the tables of other organizations: create tables in the namespace datasets")
)

// CreateTable creates a data set with a schema.
func (f *Function) CreateTable(ctx context.Context, in *CreateTableRequest) (*TableResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if in.Namespace != own {
		return nil, errShared
	}
	var properties map[string]string
	var spec, order *fieldList
	for text, to := range map[*json.RawMessage]any{&in.Body.Properties: &properties, &in.Body.Spec: &spec, &in.Body.Order: &order} {
		if len(*text) > 0 && json.Unmarshal(*text, to) != nil {
			return nil, fault.New(fault.Malformed, "The properties, the partition-spec or the write-order do not have the form of the specification")
		}
	}
	switch {
	case !tableName.MatchString(in.Body.Name):
		return nil, fault.New(fault.Malformed, "The name of a table has at most 63 letters, digits, underscores and dashes, and begins with a letter or an underscore")
	case in.Body.Location != nil && *in.Body.Location != "":
		return nil, errLocation
	case !spec.empty():
		return nil, errPartition
	case !order.empty():
		return nil, errSortOrder
	}
	if given, ok := properties[formatVersion]; ok && given != "2" {
		return nil, errFormat
	}
	name := &TableName{in.NamespaceRequest, in.Body.Name}
	if _, err := f.find(ctx, access.Of(caller), name); err == nil {
		return nil, name.errExists()
	} else if !isNotFound(err) {
		return nil, err
	}
	id, schema, err := f.create(ctx, caller, in, properties)
	if err != nil {
		return nil, fmt.Errorf("create table: %w", err)
	}
	if !in.Body.Stage {
		return f.loaded(ctx, caller, id)
	}
	t, err := f.tables.Empty(ctx, id, icebergtable.Declared{Schema: &schema, Properties: properties, CreatedAt: time.Now()})
	if err != nil {
		return nil, err
	}
	return f.response(ctx, caller, id, t)
}

// create makes a data set, or takes a draft with the name. A staged table stays a draft.
func (f *Function) create(ctx context.Context, caller auth.Caller, in *CreateTableRequest, properties map[string]string) (id uuid.UUID, schema json.RawMessage, err error) {
	if _, err := f.objects(ctx, storage); err != nil {
		return id, nil, err
	}
	id, err = f.draft(ctx, access.Of(caller), &TableName{in.NamespaceRequest, in.Body.Name})
	isDraft := err == nil
	if !isDraft {
		if !isNotFound(err) {
			return id, nil, err
		}
		id = uuid7.New()
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	err = act.Do(ctx, f.db, audit.Entry{Action: "datasets:create", ResourceID: id.String()}, func(tx *outbox.Tx, _ *audit.Entry) error {
		if !isDraft {
			d := dataset.Dataset{ID: id, Kind: dataset.Table, Name: in.Body.Name, StorageType: storage, Status: dataset.Draft, CreatedAt: now}
			if err := dataset.Insert(ctx, tx, d, caller.OrganizationID, caller.UserID, false); err != nil {
				return err
			}
		} else if err := f.tables.Reset(ctx, tx, id); err != nil {
			return err
		}
		if in.Body.Stage {
			schema, err = f.tables.Number(ctx, tx, id, in.Body.Schema)
			return err
		}
		return f.tables.Declare(ctx, tx, id, in.Body.Schema, properties, nil)
	})
	return id, schema, err
}

// storage is where the files of tables are stored.
const storage = "local"

const selectDraft = `
SELECT id FROM datasets d
WHERE organization_id = $1 AND lower(name) = lower($2) AND kind = 'table' AND newest_version = 0 AND deleted_at IS NULL AND may_change(d, $3)
  AND NOT EXISTS (SELECT FROM iceberg_tables t WHERE t.dataset_id = d.id)`

// draft finds a data set without versions that is no table of the catalogue yet.
func (f *Function) draft(ctx context.Context, r access.Reader, name *TableName) (uuid.UUID, error) {
	found, err := database.One[struct{ ID uuid.UUID }](ctx, f.db, name.errNotFound(), selectDraft, r.Organization, name.Table, r)
	return found.ID, err
}

// DropRequest names a table.
type DropRequest struct {
	TableName
	Purge bool `query:"purgeRequested" doc:"Ignored: the bytes are destroyed when the retention policy allows it"`
}

// Drop deletes the data set of a table.
func (f *Function) Drop(ctx context.Context, in *DropRequest) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	r := access.Of(caller)
	id, err := f.find(ctx, r, &in.TableName)
	if err != nil {
		return nil, err
	}
	if err := dataset.Remove(ctx, f.db, caller.OrganizationID, id, r); errors.Is(err, dataset.ErrNotFound) {
		return nil, errNoChange
	} else if err != nil {
		return nil, fmt.Errorf("drop table: %w", err)
	}
	return nil, nil
}
