package icebergtable

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"function/functions/datasets/internal/version"
	"function/shared/access"
	"function/shared/fault"
)

// TableMetadata is the metadata of a table (Iceberg, format version 2).
type TableMetadata struct {
	FormatVersion      int                    `json:"format-version"`
	UUID               uuid.UUID              `json:"table-uuid"`
	Location           string                 `json:"location"`
	LastSequenceNumber int64                  `json:"last-sequence-number"`
	LastUpdated        int64                  `json:"last-updated-ms"`
	LastColumnID       int32                  `json:"last-column-id"`
	Schemas            []TableSchema          `json:"schemas"`
	CurrentSchemaID    int                    `json:"current-schema-id"`
	PartitionSpecs     []PartitionSpec        `json:"partition-specs"`
	DefaultSpecID      int                    `json:"default-spec-id"`
	LastPartitionID    int                    `json:"last-partition-id"`
	SortOrders         []SortOrder            `json:"sort-orders"`
	DefaultSortOrderID int                    `json:"default-sort-order-id"`
	Properties         map[string]any         `json:"properties"`
	CurrentSnapshotID  int64                  `json:"current-snapshot-id"`
	Snapshots          []TableSnapshot        `json:"snapshots"`
	SnapshotLog        []SnapshotLogEntry     `json:"snapshot-log"`
	MetadataLog        []SnapshotLogEntry     `json:"metadata-log"`
	Refs               map[string]SnapshotRef `json:"refs"`
}

// TableSchema is a schema of a table. Its identifier is the first version that has it.
type TableSchema struct {
	Type   string        `json:"type"`
	ID     int           `json:"schema-id"`
	Fields []SchemaField `json:"fields"`

	Declared json.RawMessage `json:"-"` // instead of the others, if it is set
}

// MarshalJSON implements [json.Marshaler].
func (s TableSchema) MarshalJSON() ([]byte, error) {
	if s.Declared != nil {
		return s.Declared, nil
	}
	type plain TableSchema
	return json.Marshal(plain(s))
}

// PartitionSpec is the specification of a table without partitions.
type PartitionSpec struct {
	ID     int           `json:"spec-id"`
	Fields []SchemaField `json:"fields"`
}

// SortOrder is the order of a table without order.
type SortOrder struct {
	ID     int           `json:"order-id"`
	Fields []SchemaField `json:"fields"`
}

// TableSnapshot is a version.
type TableSnapshot struct {
	ID             int64             `json:"snapshot-id"`
	ParentID       *int64            `json:"parent-snapshot-id,omitempty"`
	SequenceNumber int64             `json:"sequence-number"`
	Timestamp      int64             `json:"timestamp-ms"`
	ManifestList   string            `json:"manifest-list"`
	Summary        map[string]string `json:"summary"`
	SchemaID       int               `json:"schema-id"`
}

// SnapshotLogEntry says since when a snapshot was the current one.
type SnapshotLogEntry struct {
	Timestamp  int64 `json:"timestamp-ms"`
	SnapshotID int64 `json:"snapshot-id"`
}

// SnapshotRef is a tag or a branch.
type SnapshotRef struct {
	SnapshotID int64  `json:"snapshot-id"`
	Type       string `json:"type"`
}

// Table is a table as a reader has opened it.
type Table struct {
	TableMetadata
	JSON     []byte // of the metadata
	Location string // of that JSON, by its content
	Tag      string // identifies the content
}

// Load returns the metadata of a table. refsOnly leaves out the snapshots that no branch or tag names.
func (t *Tables) Load(ctx context.Context, r access.Reader, id uuid.UUID, refsOnly bool) (*Table, error) {
	if err := t.Check(ctx, r, id); err != nil {
		return nil, err
	}
	declared, err := t.declared(ctx, id)
	if err != nil {
		return nil, err
	}
	h, err := t.history(ctx, id)
	if errors.Is(err, ErrNoVersion) && declared.Schema != nil {
		return t.Empty(ctx, id, declared)
	}
	if err != nil {
		return nil, err
	}
	if refsOnly {
		h.keepNamed()
	}
	m := h.metadata(id, declared.Properties)
	return m.table()
}

func (m TableMetadata) table() (*Table, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode table metadata: %w", err)
	}
	hash := sha256.Sum256(text)
	tag := hex.EncodeToString(hash[:16])
	return &Table{TableMetadata: m, JSON: text, Tag: tag, Location: location(m.UUID, "metadata", tag+".metadata.json")}, nil
}

// emptyMetadata returns what all tables have in common.
func emptyMetadata(id uuid.UUID, properties map[string]string) TableMetadata {
	m := TableMetadata{
		FormatVersion: 2, UUID: id, Location: Location(id), LastPartitionID: 999,
		PartitionSpecs: []PartitionSpec{{Fields: []SchemaField{}}}, SortOrders: []SortOrder{{Fields: []SchemaField{}}},
		Properties: map[string]any{}, Snapshots: []TableSnapshot{}, SnapshotLog: []SnapshotLogEntry{}, MetadataLog: []SnapshotLogEntry{}, Refs: map[string]SnapshotRef{},
	}
	for name, value := range properties {
		m.Properties[name] = value
	}
	return m
}

// history is what a table is made of: its snapshots in the order of their versions.
type history struct {
	snapshots []snapshot
	refs      map[string]SnapshotRef
	current   int
	widths    widths
	ids       snapshotIDs
}

// history lists the versions that can be read. The current one must be.
func (t *Tables) history(ctx context.Context, id uuid.UUID) (*history, error) {
	current, listed, refs, err := t.versions(ctx, id)
	if err != nil {
		return nil, err
	}
	ids, err := t.snapshotIDs(ctx, id)
	if err != nil {
		return nil, err
	}
	h := &history{current: current, refs: map[string]SnapshotRef{}, widths: widths{}, ids: ids}
	known := map[string]columns{}
	for _, v := range listed {
		c, ok := known[v.Columns]
		if !ok {
			if c, err = t.columns(ctx, id, v.Version); err != nil {
				return nil, err
			}
			known[v.Columns] = c
		}
		switch {
		case c.refusal == nil:
			h.widths.add(c.fields)
			h.snapshots = append(h.snapshots, snapshot{v, c.fields})
		case v.Version == current:
			return nil, c.refusal
		}
	}
	if h.find(current) == nil {
		return nil, fault.New(fault.NotAcceptable, "Version %d, which is current, is archived: recall it first (POST /v1/datasets/{id}/versions/%d/recall)", current, current)
	}
	h.refs[version.Main] = SnapshotRef{ids.of(current), "branch"}
	for _, r := range refs {
		if s := h.find(r.Version); s != nil && (r.Kind == "tag" || h.agrees(s)) {
			h.refs[r.Name] = SnapshotRef{ids.of(r.Version), r.Kind}
		}
	}
	return h, nil
}

// columns are the columns of versions, or why Iceberg cannot carry them.
type columns struct {
	fields  []*field
	refusal error
}

// columns returns the columns of a version, whose files all have the same.
func (t *Tables) columns(ctx context.Context, id uuid.UUID, number int) (c columns, err error) {
	parts, err := t.parts(ctx, id, number)
	if err != nil {
		return c, err
	}
	if len(parts) == 0 {
		return c, fmt.Errorf("version %d of %s has no table", number, id)
	}
	file, err := t.file(ctx, id, parts[0])
	if f, ok := fault.As(err); ok && f.Kind == fault.NotAcceptable {
		return columns{refusal: err}, nil
	}
	if err != nil {
		return c, err
	}
	return columns{fields: file.fields}, nil
}

func (h *history) find(number int) *snapshot {
	for i := range h.snapshots {
		if h.snapshots[i].Version == number {
			return &h.snapshots[i]
		}
	}
	return nil
}

// agrees reports whether the columns of a snapshot are read correctly with the current schema, with which readers read
// branches: a column of the same name must have the same identifier.
func (h *history) agrees(s *snapshot) bool {
	current := byPath("", h.find(h.current).fields, map[string]int32{})
	for path, id := range byPath("", s.fields, map[string]int32{}) {
		if other, ok := current[path]; ok && other != id {
			return false
		}
	}
	return true
}

// byPath adds the identifiers of fields by the names that lead to them.
func byPath(prefix string, fields []*field, ids map[string]int32) map[string]int32 {
	for _, f := range fields {
		path := prefix + strconv.Quote(f.name)
		ids[path] = f.id
		byPath(path, f.children, ids)
	}
	return ids
}

// keepNamed leaves the snapshots that references name.
func (h *history) keepNamed() {
	var kept []snapshot
	for _, s := range h.snapshots {
		for _, r := range h.refs {
			if r.SnapshotID == h.ids.of(s.Version) {
				kept = append(kept, s)
				break
			}
		}
	}
	h.snapshots = kept
}

func (h *history) metadata(id uuid.UUID, properties map[string]string) TableMetadata {
	m := emptyMetadata(id, properties)
	m.CurrentSnapshotID, m.Refs = h.ids.of(h.current), h.refs
	known := map[string]int{}
	for _, s := range h.snapshots {
		fields := h.widths.fields(s.fields)
		text, _ := json.Marshal(fields) // of strings and numbers, which cannot fail
		schema, ok := known[string(text)]
		if !ok {
			schema = s.Version
			known[string(text)] = schema
			m.Schemas = append(m.Schemas, TableSchema{Type: "struct", ID: schema, Fields: fields})
		}
		if s.Version == h.current {
			m.CurrentSchemaID = schema
		}
		each(s.fields, func(f *field) { m.LastColumnID = max(m.LastColumnID, f.id) })
		at := s.ReadyAt.UnixMilli()
		m.LastUpdated, m.LastSequenceNumber = max(m.LastUpdated, at), max(m.LastSequenceNumber, int64(s.Version))
		shown := TableSnapshot{
			ID: h.ids.of(s.Version), SequenceNumber: int64(s.Version), Timestamp: at, SchemaID: schema,
			ManifestList: location(id, "metadata", fmt.Sprintf("snap-%d.avro", s.Version)), Summary: s.summary(),
		}
		if s.BaseVersion != nil && h.find(*s.BaseVersion) != nil {
			parent := h.ids.of(*s.BaseVersion)
			shown.ParentID = &parent
		}
		m.Snapshots = append(m.Snapshots, shown)
	}
	m.SnapshotLog = h.log()
	return m
}

// log lists the versions of main that were current, in the order in which they became so. A version that was ready only
// after a later one never was.
func (h *history) log() []SnapshotLogEntry {
	log := []SnapshotLogEntry{}
	for i := len(h.snapshots) - 1; i >= 0; i-- {
		s := h.snapshots[i]
		if s.Branch != version.Main || s.Version > h.current {
			continue
		}
		at := s.ReadyAt.UnixMilli()
		if len(log) == 0 || at <= log[0].Timestamp {
			log = append([]SnapshotLogEntry{{at, h.ids.of(s.Version)}}, log...)
		}
	}
	return log
}
