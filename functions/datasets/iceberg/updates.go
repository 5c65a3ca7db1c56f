package iceberg

import (
	"encoding/json"

	"github.com/google/uuid"

	"function/functions/datasets/internal/icebergtable"
	"function/shared/fault"
)

// requirement is what must hold for a commit.
type requirement struct {
	Type            string  `json:"type"`
	Ref             string  `json:"ref"`
	SnapshotID      *int64  `json:"snapshot-id"`
	UUID            *string `json:"uuid"`
	LastFieldID     *int32  `json:"last-assigned-field-id"`
	SchemaID        *int    `json:"current-schema-id"`
	LastPartitionID *int    `json:"last-assigned-partition-id"`
	SpecID          *int    `json:"default-spec-id"`
	SortOrderID     *int    `json:"default-sort-order-id"`
}

// holds reports whether a requirement holds for a table.
func (r requirement) holds(t *icebergtable.Table) (bool, error) {
	switch r.Type {
	case "assert-create":
		return false, nil
	case "assert-table-uuid":
		id, err := uuid.Parse(deref(r.UUID))
		return err == nil && id == t.UUID, nil
	case "assert-ref-snapshot-id":
		ref, ok := t.Refs[r.Ref]
		if r.SnapshotID == nil || !ok {
			return r.SnapshotID == nil && !ok, nil
		}
		return ref.SnapshotID == *r.SnapshotID, nil
	case "assert-last-assigned-field-id":
		return r.LastFieldID != nil && *r.LastFieldID == t.LastColumnID, nil
	case "assert-current-schema-id":
		return r.SchemaID != nil && *r.SchemaID == t.CurrentSchemaID, nil
	case "assert-last-assigned-partition-id":
		return r.LastPartitionID != nil && *r.LastPartitionID == t.LastPartitionID, nil
	case "assert-default-spec-id":
		return r.SpecID != nil && *r.SpecID == t.DefaultSpecID, nil
	case "assert-default-sort-order-id":
		return r.SortOrderID != nil && *r.SortOrderID == t.DefaultSortOrderID, nil
	}
	return false, fault.New(fault.Malformed, "There is no requirement of the type %s", fault.Excerpt(r.Type))
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// update is one of the updates of a commit. It has the fields that its action has.
type update struct {
	Action        string            `json:"action"`
	UUID          string            `json:"uuid"`
	FormatVersion int               `json:"format-version"`
	Schema        json.RawMessage   `json:"schema"`
	SchemaID      *int              `json:"schema-id"`
	Spec          *fieldList        `json:"spec"`
	SpecID        *int              `json:"spec-id"`
	SortOrder     *fieldList        `json:"sort-order"`
	SortOrderID   *int              `json:"sort-order-id"`
	Snapshot      *snapshot         `json:"snapshot"`
	RefName       string            `json:"ref-name"`
	Type          string            `json:"type"`
	SnapshotID    *int64            `json:"snapshot-id"`
	Location      string            `json:"location"`
	Updates       map[string]string `json:"updates"`
	Removals      []string          `json:"removals"`
}

// fieldList is a partition specification or a sort order.
type fieldList struct {
	Fields []json.RawMessage `json:"fields"`
}

func (l *fieldList) empty() bool { return l == nil || len(l.Fields) == 0 }

type snapshot struct {
	ID           int64             `json:"snapshot-id"`
	ParentID     *int64            `json:"parent-snapshot-id"`
	ManifestList string            `json:"manifest-list"`
	Summary      map[string]string `json:"summary"`
}

// change is what the updates of a commit do together.
type change struct {
	schema     json.RawMessage // of a table without versions, or of the added snapshot
	properties map[string]string
	removed    []string
	snapshots  []snapshot // in the order in which they were added; main becomes the last one
}

func (c *change) snapshot() *snapshot {
	if len(c.snapshots) == 0 {
		return nil
	}
	return &c.snapshots[len(c.snapshots)-1]
}

// formatVersion is the property by which clients ask for a format version.
const formatVersion = "format-version"

var (
	errSortOrder = fault.New(fault.NotAcceptable, "Sort orders are not supported: leave them out")
	errFormat    = fault.New(fault.NotAcceptable, "Tables have format version 2: other versions are not supported")
	errPartition = fault.New(fault.NotAcceptable, "Partitions are not supported: leave them out")
)

// changeOf returns what updates do to a table.
func changeOf(updates []update, id uuid.UUID) (*change, error) {
	c := &change{properties: map[string]string{}}
	for _, u := range updates {
		if err := c.add(u, id); err != nil {
			return nil, err
		}
	}
	if s := c.snapshot(); s != nil {
		if err := icebergtable.CheckSnapshotID(s.ID); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *change) add(u update, id uuid.UUID) error {
	switch u.Action {
	case "assign-uuid":
		if given, err := uuid.Parse(u.UUID); err != nil || given != id {
			return fault.New(fault.Malformed, "The platform chooses the identifier of a table: send the table-uuid of its metadata, or none")
		}
	case "upgrade-format-version":
		if u.FormatVersion > 2 {
			return errFormat
		}
	case "set-location":
		if u.Location != icebergtable.Location(id) {
			return errLocation
		}
	case "add-schema":
		c.schema = u.Schema
	case "add-spec":
		if !u.Spec.empty() {
			return errPartition
		}
	case "add-sort-order":
		if !u.SortOrder.empty() {
			return errSortOrder
		}
	case "set-current-schema":
		if c.schema == nil {
			return fault.New(fault.NotAcceptable, "The schema of a table is that of its newest version and cannot be set to an older one: restore that version (POST /v1/datasets/{id}/versions/{version}/restore)")
		}
	case "set-default-spec", "set-default-sort-order": // there is one
	case "set-properties":
		if given, ok := u.Updates[formatVersion]; ok && given != "2" {
			return errFormat
		}
		for name, value := range u.Updates {
			c.properties[name] = value
		}
	case "remove-properties":
		c.removed = append(c.removed, u.Removals...)
	case "add-snapshot":
		if u.Snapshot == nil || u.Snapshot.ManifestList == "" {
			return fault.New(fault.Malformed, "The update add-snapshot has no snapshot with a manifest-list")
		}
		c.snapshots = append(c.snapshots, *u.Snapshot)
	case "set-snapshot-ref":
		added := c.snapshot()
		switch {
		case u.RefName != "main" || u.Type != "branch":
			return fault.New(fault.NotAcceptable, "Only the branch main can be set by a commit: use PUT /v1/datasets/{id}/tags/{name} and POST /v1/datasets/{id}/branches for others")
		case added == nil || u.SnapshotID == nil || *u.SnapshotID != added.ID:
			return fault.New(fault.NotAcceptable, "main can only be set to the snapshot that the commit adds: to go back to a version, restore it (POST /v1/datasets/{id}/versions/{version}/restore)")
		}
	default:
		return fault.New(fault.NotAcceptable, "The update %s is not supported", fault.Excerpt(u.Action))
	}
	return nil
}
