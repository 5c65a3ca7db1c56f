package icebergtable

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

// declaration reads a schema that a client declares. The fields get other identifiers than the client's.
type declaration struct {
	schema map[string]any
	fields []*field
	assign []func() // each writes the identifier of a field into the schema
	byID   map[string]*field
}

var decimalName = regexp.MustCompile(`^decimal\(\s*([0-9]{1,2})\s*,\s*([0-9]{1,2})\s*\)$`)

// declare reads the JSON of a schema.
func declare(text json.RawMessage) (*declaration, error) {
	d := &declaration{byID: map[string]*field{}}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&d.schema); err != nil || d.schema == nil {
		return nil, fault.New(fault.Malformed, "The schema is not a JSON object").Because(err)
	}
	var err error
	if d.fields, err = d.members(d.schema, nil); err != nil {
		return nil, err
	}
	if len(d.fields) == 0 {
		return nil, fault.New(fault.Malformed, "The schema has no columns: a table has at least one")
	}
	return d, nil
}

func (d *declaration) members(of map[string]any, parent *field) (fields []*field, err error) {
	list, ok := of["fields"].([]any)
	if !ok {
		return nil, fault.New(fault.Malformed, "A struct of the schema has no list of fields")
	}
	names := map[string]bool{}
	for _, one := range list {
		m, ok := one.(map[string]any)
		name, named := m["name"].(string)
		if !ok || !named || name == "" {
			return nil, fault.New(fault.Malformed, "A field of the schema has no name")
		}
		if names[strings.ToLower(name)] {
			return nil, fault.New(fault.Malformed, "The schema has two fields named %s: names differ by more than case", fault.Excerpt(name))
		}
		names[strings.ToLower(name)] = true
		if m["initial-default"] != nil || m["write-default"] != nil {
			return nil, fault.New(fault.NotAcceptable, "Field %s has a default value, which is not supported", fault.Excerpt(name))
		}
		f, err := d.field(name, m["type"], parent)
		if err != nil {
			return nil, err
		}
		d.byID[fmt.Sprint(m["id"])] = f
		d.assign = append(d.assign, func() { m["id"] = f.id })
		fields = append(fields, f)
	}
	return fields, nil
}

func (d *declaration) field(name string, is any, parent *field) (f *field, err error) {
	f = &field{name: name}
	nested, ok := is.(map[string]any)
	if !ok {
		text, _ := is.(string)
		if err := f.parse(text); err != nil {
			return nil, err
		}
		f.identify(parent)
		return f, nil
	}
	f.kind, _ = nested["type"].(string)
	f.identify(parent)
	child := func(name, key string) error {
		c, err := d.field(name, nested[key], f)
		if err == nil {
			f.children = append(f.children, c)
			d.assign = append(d.assign, func() { nested[key+"-id"] = c.id })
		}
		return err
	}
	switch f.kind {
	case "struct":
		f.children, err = d.members(nested, f)
	case "list":
		err = child("element", "element")
	case "map":
		err = errors.Join(child("key", "key"), child("value", "value"))
	default:
		err = f.unknown(f.kind)
	}
	return f, err
}

func (f *field) unknown(is string) error {
	return fault.New(fault.NotAcceptable, "Field %s has the type %s, which is not supported", fault.Excerpt(f.name), fault.Excerpt(is))
}

// parse sets the type of a primitive field by its name in a schema.
func (f *field) parse(is string) error {
	switch is {
	case "boolean", "date", "time", "timestamp", "timestamptz", "string", "uuid", "binary":
		f.kind = is
	case "int":
		f.kind, f.bits = "int", 32
	case "long":
		f.kind, f.bits = "int", 64
	case "float":
		f.kind, f.bits = "float", 32
	case "double":
		f.kind, f.bits = "float", 64
	default:
		m := decimalName.FindStringSubmatch(is)
		if m == nil {
			return f.unknown(is)
		}
		digits, _ := strconv.Atoi(m[1])
		scale, _ := strconv.Atoi(m[2])
		if digits < 1 || digits > 38 || scale > digits {
			return f.unknown(is)
		}
		f.kind, f.digits, f.scale = "decimal", int32(digits), int32(scale)
	}
	return nil
}

// json returns the schema with the identifiers of its fields.
func (d *declaration) json() (json.RawMessage, error) {
	for _, assign := range d.assign {
		assign()
	}
	d.schema["type"], d.schema["schema-id"] = "struct", 0
	identifiers, _ := d.schema["identifier-field-ids"].([]any)
	for i, id := range identifiers {
		f := d.byID[fmt.Sprint(id)]
		if f == nil {
			return nil, fault.New(fault.Malformed, "identifier-field-ids names a field that the schema does not have")
		}
		identifiers[i] = f.id
	}
	return json.Marshal(d.schema)
}

// maxProperties is how many bytes the properties of a table have at most.
const maxProperties = 64 << 10

const upsertTable = `
INSERT INTO iceberg_tables (dataset_id, schema, properties) VALUES ($1, $2, $3)
ON CONFLICT (dataset_id) DO UPDATE SET schema = coalesce(excluded.schema, iceberg_tables.schema),
    properties = (iceberg_tables.properties || excluded.properties) - $4::text[]
RETURNING octet_length(properties::text) AS size`

// Declare sets the schema of a table without versions (nil: leave it), and changes its properties.
func (t *Tables) Declare(ctx context.Context, tx *outbox.Tx, id uuid.UUID, schema json.RawMessage, properties map[string]string, removed []string) error {
	var stored *string
	if schema != nil {
		numbered, err := t.Number(ctx, tx, id, schema)
		if err != nil {
			return err
		}
		text := string(numbered)
		stored = &text
	}
	if properties == nil {
		properties = map[string]string{}
	}
	if removed == nil {
		removed = []string{}
	}
	made, err := database.One[struct{ Size int }](ctx, tx, dataset.ErrNotFound, upsertTable, id, stored, properties, removed)
	if err != nil {
		return fmt.Errorf("declare table: %w", err)
	}
	if made.Size > maxProperties {
		return fault.New(fault.TooLarge, "The properties of the table are larger than %d bytes together", maxProperties)
	}
	return nil
}

const deleteFields = `DELETE FROM iceberg_fields WHERE dataset_id = $1`

// Reset forgets the fields of a draft, which has no files that could have them.
func (t *Tables) Reset(ctx context.Context, tx *outbox.Tx, id uuid.UUID) error {
	if _, err := tx.Exec(ctx, deleteFields, id); err != nil {
		return fmt.Errorf("delete fields of draft: %w", err)
	}
	return nil
}

// Number returns a declared schema with the identifiers that its fields have in the table, in a transaction.
func (t *Tables) Number(ctx context.Context, tx *outbox.Tx, id uuid.UUID, schema json.RawMessage) (json.RawMessage, error) {
	d, err := declare(schema)
	if err != nil {
		return nil, err
	}
	if err := numberIn(ctx, tx, id, d.fields); err != nil {
		return nil, err
	}
	return d.json()
}

// Declared is a table as clients have declared it.
type Declared struct {
	Schema     *json.RawMessage
	Properties map[string]string
	CreatedAt  time.Time
}

const selectDeclared = `SELECT schema, properties, created_at FROM iceberg_tables WHERE dataset_id = $1`

var errNotDeclared = fault.New(fault.NotFound, "The table was not declared through the catalogue")

// declared returns what clients have declared, if anything.
func (t *Tables) declared(ctx context.Context, id uuid.UUID) (Declared, error) {
	d, err := database.One[Declared](ctx, t.db, errNotDeclared, selectDeclared, id)
	if errors.Is(err, errNotDeclared) {
		return Declared{}, nil
	}
	return d, err
}

// Empty returns the metadata of a table without versions.
func (t *Tables) Empty(ctx context.Context, id uuid.UUID, d Declared) (*Table, error) {
	read, err := declare(*d.Schema)
	if err != nil {
		return nil, fmt.Errorf("read declared schema: %w", err)
	}
	if _, err := known(ctx, t.db, id, read.fields); err != nil {
		return nil, err
	}
	m := emptyMetadata(id, d.Properties)
	m.LastUpdated, m.CurrentSnapshotID, m.Schemas = d.CreatedAt.UnixMilli(), -1, []TableSchema{{Declared: *d.Schema}}
	each(read.fields, func(f *field) { m.LastColumnID = max(m.LastColumnID, f.id) })
	return m.table()
}
