package iceberg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/icebergtable"
	"function/functions/datasets/internal/resumable"
	"function/functions/datasets/internal/version"
	"function/functions/datasets/internal/written"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

// CommitRequest changes a table.
type CommitRequest struct {
	TableName
	Body struct {
		Identifier   json.RawMessage   `json:"identifier,omitempty" doc:"Ignored: the path names the table"`
		Requirements []json.RawMessage `json:"requirements,omitempty" doc:"TableRequirement of the specification: what must hold for the commit"`
		Updates      []json.RawMessage `json:"updates,omitempty" doc:"TableUpdate of the specification"`
	}
}

func decode[T any](list []json.RawMessage) ([]T, error) {
	all := make([]T, len(list))
	for i, text := range list {
		if err := json.Unmarshal(text, &all[i]); err != nil {
			return nil, fault.New(fault.Malformed, "A requirement or an update of the commit does not have the form of the specification").Because(err)
		}
	}
	return all, nil
}

// Commit makes a version of the snapshot that a client has written. It answers when the version is ready.
func (f *Function) Commit(ctx context.Context, in *CommitRequest) (*TableResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	requirements, err := decode[requirement](in.Body.Requirements)
	if err != nil {
		return nil, err
	}
	updates, err := decode[update](in.Body.Updates)
	if err != nil {
		return nil, err
	}
	create := slices.ContainsFunc(requirements, func(r requirement) bool { return r.Type == "assert-create" })
	id, err := f.target(ctx, access.Of(caller), &in.TableName, create)
	if err != nil {
		return nil, err
	}
	c, err := changeOf(updates, id)
	if err != nil {
		return nil, err
	}
	if err := f.commit(ctx, caller, id, requirements, c); create && errors.Is(err, errStale) {
		return nil, in.errExists()
	} else if err != nil {
		return nil, err
	}
	return f.loaded(ctx, caller, id)
}

var (
	errStale    = fault.New(fault.Conflict, "Cannot commit: the table has changed since you read it. Load it again and repeat the commit.")
	errNoChange = fault.New(fault.Forbidden, "You may read this table, but only its own organization can change it")
)

// target finds the table of a commit, which the caller may change. A table that the commit creates is a draft.
func (f *Function) target(ctx context.Context, r access.Reader, name *TableName, create bool) (uuid.UUID, error) {
	id, err := f.find(ctx, r, name)
	if create && isNotFound(err) && name.Namespace == own {
		return f.draft(ctx, r, name)
	}
	if err != nil {
		return id, err
	}
	if err := dataset.Changeable(ctx, f.db, dataset.Table, id, r); errors.Is(err, dataset.ErrNotFound) {
		return id, errNoChange
	} else if err != nil {
		return id, err
	}
	return id, f.tables.Check(ctx, r, id)
}

// commit checks the requirements and makes the changes. A repeated commit changes nothing.
func (f *Function) commit(ctx context.Context, caller auth.Caller, id uuid.UUID, requirements []requirement, c *change) error {
	repeated, err := f.repeated(ctx, id, c)
	if err != nil || repeated {
		return err
	}
	table, err := f.tables.Load(ctx, access.Of(caller), id, false)
	switch {
	case errors.Is(err, icebergtable.ErrNoVersion):
		table = nil // the commit creates it
	case err != nil:
		return err
	}
	if table == nil && c.schema == nil {
		return fault.New(fault.Malformed, "The commit creates a table and has no schema")
	}
	for _, r := range requirements {
		if table == nil && r.Type == "assert-create" {
			continue
		}
		if table == nil {
			return errStale
		}
		if ok, err := r.holds(table); err != nil {
			return err
		} else if !ok {
			return errStale
		}
	}
	empty := table == nil || len(table.Snapshots) == 0
	if c.schema != nil && !empty && c.snapshot() == nil {
		return fault.New(fault.NotAcceptable, "The columns of a table are those of its rows, so they change only together with them: write rows with the new columns, in the same commit")
	}
	if c.snapshot() == nil {
		return f.declare(ctx, id, c, empty)
	}
	base := 0
	if !empty {
		if base, err = f.tables.VersionOf(ctx, id, table.CurrentSnapshotID); err != nil {
			return err
		}
	}
	err = f.add(ctx, caller, id, base, c, empty)
	if err == nil {
		return nil
	}
	if again, lookup := f.repeated(ctx, id, c); again || lookup != nil {
		return lookup // a request that came at the same time has made the same commit
	}
	var newer *icebergtable.Newer
	if errors.As(err, &newer) {
		// The client loads the table before it tries again, and then needs the newer version.
		if _, err := f.outcome(ctx, id, newer.Version); err != nil {
			return err
		}
		return errStale
	}
	return err
}

// repeated reports whether the snapshot of a commit was committed before, and waits for its version.
func (f *Function) repeated(ctx context.Context, id uuid.UUID, c *change) (bool, error) {
	s := c.snapshot()
	if s == nil {
		return false, nil
	}
	v, err := f.tables.Committed(ctx, f.db, id, s.ID)
	if err != nil || v == 0 {
		return false, err
	}
	return true, f.wait(ctx, id, v)
}

// declare stores the properties of a table, and its schema as long as it is empty.
func (f *Function) declare(ctx context.Context, id uuid.UUID, c *change, empty bool) error {
	if c.schema == nil && len(c.properties) == 0 && len(c.removed) == 0 {
		return nil
	}
	entry := audit.Entry{Action: "datasets:declare-table", ResourceID: id.String()}
	return act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error { return f.declareIn(ctx, tx, id, c, empty) })
}

// declareIn is declare in a transaction.
func (f *Function) declareIn(ctx context.Context, tx *outbox.Tx, id uuid.UUID, c *change, empty bool) error {
	schema := c.schema
	if !empty {
		schema = nil
	}
	if schema == nil && len(c.properties) == 0 && len(c.removed) == 0 {
		return nil
	}
	return f.tables.Declare(ctx, tx, id, schema, c.properties, c.removed)
}

// add adds the version of a snapshot that follows a base.
func (f *Function) add(ctx context.Context, caller auth.Caller, id uuid.UUID, base int, c *change, empty bool) error {
	s := c.snapshot()
	files := written.Files{Uploads: f.uploads, Dataset: id, Person: caller.UserID}
	u := &resumable.Upload{DatasetID: id, OrganizationID: caller.OrganizationID, CreatedBy: caller.UserID}
	u.Target.Change = version.Change{Branch: version.Main, Operation: version.Replace, Message: "Iceberg snapshot " + fmt.Sprint(s.ID)}
	if err := f.uploads.Check(ctx, access.Of(caller), u); err != nil {
		return err
	}
	files.StorageType = u.StorageType
	read, err := f.tables.Read(ctx, id, base, s.ManifestList, files)
	if err != nil {
		return err
	}
	if read.Operation == "" {
		return f.declare(ctx, id, c, empty)
	}
	u.Target.Change.Operation = read.Operation
	var number int
	u.Guard = func(ctx context.Context, tx *outbox.Tx, v int) error {
		number = v
		if err := f.declareIn(ctx, tx, id, c, empty); err != nil {
			return err
		}
		return f.tables.Record(ctx, tx, id, base, v, s.ID)
	}
	slices.SortFunc(read.Added, func(a, b written.File) int { return strings.Compare(a.Key, b.Key) })
	if err := files.Commit(ctx, u, icebergtable.Folder, read.Added); err != nil {
		return err
	}
	if err := files.Delete(context.WithoutCancel(ctx), read.Metadata...); err != nil {
		return err
	}
	return f.wait(ctx, id, number)
}

const selectOutcome = `SELECT status, coalesce(failure, '') AS failure FROM dataset_versions WHERE dataset_id = $1 AND version = $2`

type outcome struct{ Status, Failure string }

const (
	patience = time.Minute // with a version that is being prepared
	interval = 50 * time.Millisecond
)

var errNotReady = fault.New(fault.Unavailable, "The rows are stored, and their version is still being prepared: repeat the commit, which adds nothing twice, or load the table later").After(5 * time.Second)

// outcome waits until a version is ready, blocked or failed.
func (f *Function) outcome(ctx context.Context, id uuid.UUID, number int) (o outcome, err error) {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if o, err = database.One[outcome](ctx, f.db, dataset.ErrNotFound, selectOutcome, id, number); err != nil || o.Status != dataset.Processing {
			return o, err
		}
		select {
		case <-ctx.Done():
			return o, ctx.Err()
		case <-time.After(interval):
		}
	}
	return o, errNotReady
}

// wait waits until a version is ready.
func (f *Function) wait(ctx context.Context, id uuid.UUID, number int) error {
	o, err := f.outcome(ctx, id, number)
	switch {
	case err != nil:
		return err
	case o.Status == dataset.Ready:
		return nil
	}
	return fault.New(fault.Malformed, "The snapshot became version %d, which is %s and not shown: %s", number, o.Status, o.Failure)
}

// loaded loads a table after a change.
func (f *Function) loaded(ctx context.Context, caller auth.Caller, id uuid.UUID) (*TableResponse, error) {
	t, err := f.tables.Load(ctx, access.Of(caller), id, false)
	if err != nil {
		return nil, err
	}
	return f.response(ctx, caller, id, t)
}

func (f *Function) response(ctx context.Context, caller auth.Caller, id uuid.UUID, t *icebergtable.Table) (*TableResponse, error) {
	credentials, config, err := f.credentials(ctx, caller, id)
	return &TableResponse{Status: http.StatusOK, ETag: `"` + t.Tag + `"`, Body: &LoadedTable{t.Location, t.TableMetadata, config, credentials}}, err
}
