package icebergtable

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"function/shared/fault"
)

// field is a field of a schema. A list has one child, its element; a map has two, its keys and its values.
type field struct {
	name     string
	kind     string // struct, list or map, or the family of a primitive type
	bits     int    // of integers and floats
	digits   int32  // of decimals
	scale    int32  // of decimals
	children []*field

	element int // place in the list of the Parquet file's schema elements
	key     [sha256.Size]byte
	id      int32
}

// unsupported is the refusal of a column that Iceberg cannot carry.
func unsupported(column, reason string) error {
	return fault.New(fault.NotAcceptable, "The column %s cannot be read through Iceberg, because %s: read this data set with POST /v1/queries, or download it", fault.Excerpt(column), reason)
}

// reader reads the schema of a Parquet file.
type reader struct {
	column  string // that is being read
	element int    // the next schema element: they are in the order of a walk of the tree
}

// readSchema returns the fields of a Parquet file, without identifiers.
func readSchema(root *schema.GroupNode) ([]*field, error) {
	r := &reader{element: 1}
	fields := make([]*field, root.NumFields())
	for i := range fields {
		var err error
		r.column = root.Field(i).Name()
		if fields[i], err = r.field(root.Field(i), nil); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

func (r *reader) field(n schema.Node, parent *field) (*field, error) {
	f := &field{name: n.Name(), element: r.element}
	r.element++
	if n.RepetitionType() == parquet.Repetitions.Repeated {
		return nil, unsupported(r.column, "it has repeated values outside of a list")
	}
	if leaf, ok := n.(*schema.PrimitiveNode); ok {
		if reason := f.primitive(leaf); reason != "" {
			return nil, unsupported(r.column, reason)
		}
		f.identify(parent)
		return f, nil
	}
	group := n.(*schema.GroupNode)
	members := group
	switch n.LogicalType().(type) {
	case schema.ListLogicalType, schema.MapLogicalType:
		want := 1
		if f.kind = "list"; n.LogicalType().Equals(schema.MapLogicalType{}) {
			f.kind, want = "map", 2
		}
		repeated, ok := group.Field(0).(*schema.GroupNode)
		if !ok || group.NumFields() != 1 || repeated.NumFields() != want || repeated.RepetitionType() != parquet.Repetitions.Repeated {
			return nil, unsupported(r.column, "its lists are stored in an old form")
		}
		r.element++
		members = repeated
	case schema.NoLogicalType, schema.NullLogicalType, schema.UnknownLogicalType:
		f.kind = "struct"
	default:
		return nil, unsupported(r.column, fmt.Sprintf("it has the type %s", n.LogicalType()))
	}
	f.identify(parent)
	for i := range members.NumFields() {
		child, err := r.field(members.Field(i), f)
		if err != nil {
			return nil, err
		}
		f.children = append(f.children, child)
	}
	return f, nil
}

// primitive sets the type of a leaf, or returns why it has none.
func (f *field) primitive(n *schema.PrimitiveNode) (reason string) {
	physical, is := n.PhysicalType(), n.LogicalType()
	none := is == nil || is.IsNone() || !is.IsValid()
	switch l := is.(type) {
	case schema.DecimalLogicalType:
		if physical == parquet.Types.Double || l.Precision() > 38 {
			return "it has decimals of more than 38 digits"
		}
		f.kind, f.digits, f.scale = "decimal", l.Precision(), l.Scale()
		return ""
	case schema.IntLogicalType:
		bits := int(l.BitWidth())
		if !l.IsSigned() && bits >= 32 {
			return fmt.Sprintf("it has unsigned integers of %d bits", bits)
		}
		f.kind, f.bits = "int", max(bits, 32)
		return ""
	case schema.TimestampLogicalType:
		if l.TimeUnit() != schema.TimeUnitMicros || physical != parquet.Types.Int64 {
			return "it has times in another unit than microseconds"
		}
		if f.kind = "timestamp"; l.IsAdjustedToUTC() {
			f.kind = "timestamptz"
		}
		return ""
	case schema.TimeLogicalType:
		if l.TimeUnit() != schema.TimeUnitMicros || l.IsAdjustedToUTC() {
			return "it has times of day with a time zone or in another unit than microseconds"
		}
		f.kind = "time"
		return ""
	case schema.DateLogicalType:
		f.kind = "date"
		return ""
	case schema.StringLogicalType, schema.JSONLogicalType, schema.EnumLogicalType:
		f.kind = "string"
		return ""
	case schema.UUIDLogicalType:
		f.kind = "uuid"
		return ""
	}
	if !none {
		return fmt.Sprintf("it has the type %s", is)
	}
	switch physical {
	case parquet.Types.Boolean:
		f.kind = "boolean"
	case parquet.Types.Int32:
		f.kind, f.bits = "int", 32
	case parquet.Types.Int64:
		f.kind, f.bits = "int", 64
	case parquet.Types.Float:
		f.kind, f.bits = "float", 32
	case parquet.Types.Double:
		f.kind, f.bits = "float", 64
	case parquet.Types.ByteArray:
		f.kind = "binary"
	case parquet.Types.FixedLenByteArray:
		f.kind = fmt.Sprintf("fixed[%d]", n.TypeLength())
	default:
		return fmt.Sprintf("it has the type %s", physical)
	}
	return ""
}

// identify sets the key by which the field has its identifier: names and families of types from the column to the
// field. Types of a family differ only in width.
func (f *field) identify(parent *field) {
	var text []byte
	if parent != nil {
		text = parent.key[:]
	}
	family := f.kind
	if family == "decimal" {
		family = fmt.Sprintf("decimal of scale %d", f.scale)
	}
	for _, part := range []string{f.name, family} {
		text = append(binary.AppendUvarint(text[:len(text):len(text)], uint64(len(part))), part...)
	}
	f.key = sha256.Sum256(text)
}

// each visits the fields and everything in them.
func each(fields []*field, visit func(*field)) {
	for _, f := range fields {
		visit(f)
		each(f.children, visit)
	}
}

// widths are the widest types of fields by identifier.
type widths map[int32]struct {
	bits   int
	digits int32
}

// add takes the widths of a schema into account. digits before the point never shrink, because the scale is fixed.
func (w widths) add(fields []*field) {
	each(fields, func(f *field) {
		wide := w[f.id]
		wide.bits, wide.digits = max(wide.bits, f.bits), max(wide.digits, f.digits)
		w[f.id] = wide
	})
}

// SchemaField is a field in the JSON of a schema.
type SchemaField struct {
	ID       int32  `json:"id"`
	Name     string `json:"name"`
	Required bool   `json:"required"`
	Type     any    `json:"type"`
}

// typeOf returns the type of a field in the JSON of a schema.
func (w widths) typeOf(f *field) any {
	switch f.kind {
	case "struct":
		return map[string]any{"type": "struct", "fields": w.fields(f.children)}
	case "list":
		e := f.children[0]
		return map[string]any{"type": "list", "element-id": e.id, "element": w.typeOf(e), "element-required": false}
	case "map":
		k, v := f.children[0], f.children[1]
		return map[string]any{"type": "map", "key-id": k.id, "key": w.typeOf(k), "value-id": v.id, "value": w.typeOf(v), "value-required": false}
	case "int":
		if w[f.id].bits > 32 {
			return "long"
		}
	case "float":
		if w[f.id].bits > 32 {
			return "double"
		}
	case "decimal":
		return fmt.Sprintf("decimal(%d, %d)", w[f.id].digits, f.scale)
	}
	return f.kind
}

func (w widths) fields(list []*field) []SchemaField {
	fields := make([]SchemaField, len(list))
	for i, f := range list {
		fields[i] = SchemaField{ID: f.id, Name: f.name, Type: w.typeOf(f)}
	}
	return fields
}
