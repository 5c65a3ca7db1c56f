package export

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/extensions"
)

// avroPlanner makes the Avro types of columns.
type avroPlanner struct{ records int }

// object is a schema.
type object = map[string]any

// record makes the type of a structure and the encoders of its fields.
func (p *avroPlanner) record(fields []arrow.Field) (object, []encoder, error) {
	name := "row"
	if p.records > 0 {
		name = fmt.Sprintf("record_%d", p.records)
	}
	p.records++
	list := make([]object, len(fields))
	encoders := make([]encoder, len(fields))
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	for i, allowed := range avroNames(names) {
		typ, encode, err := p.value(fields[i].Type)
		if err != nil {
			return nil, nil, err
		}
		list[i], encoders[i] = object{"name": allowed, "type": []any{"null", typ}}, optional(encode)
		if allowed != names[i] {
			list[i]["doc"] = names[i]
		}
	}
	return object{"type": "record", "name": name, "fields": list}, encoders, nil
}

// value makes the type of values that are not null.
func (p *avroPlanner) value(t arrow.DataType) (any, encoder, error) {
	switch t := t.(type) {
	case *arrow.Decimal128Type:
		return object{"type": "bytes", "logicalType": "decimal", "precision": t.Precision, "scale": t.Scale}, decimalBytes, nil
	case *arrow.TimestampType:
		name := map[arrow.TimeUnit]string{arrow.Millisecond: "timestamp-millis", arrow.Microsecond: "timestamp-micros", arrow.Nanosecond: "timestamp-nanos"}[t.Unit]
		if t.TimeZone == "" {
			name = "local-" + name
		}
		return object{"type": "long", "logicalType": name}, long, nil
	case *extensions.UUIDType:
		return object{"type": "string", "logicalType": "uuid"}, uuidText, nil
	case *arrow.ListType:
		item, encode, err := p.value(t.Elem())
		return object{"type": "array", "items": []any{"null", item}}, listOf(optional(encode)), err
	case *arrow.MapType:
		return p.pairs(t)
	case *arrow.StructType:
		record, encoders, err := p.record(t.Fields())
		return record, structOf(encoders), err
	}
	switch t.ID() {
	case arrow.BOOL:
		return "boolean", boolean, nil
	case arrow.INT32:
		return "int", long, nil
	case arrow.INT64:
		return "long", long, nil
	case arrow.FLOAT32:
		return "float", float, nil
	case arrow.FLOAT64:
		return "double", double, nil
	case arrow.STRING:
		return "string", textBytes, nil
	case arrow.BINARY:
		return "bytes", textBytes, nil
	case arrow.DATE32:
		return object{"type": "int", "logicalType": "date"}, long, nil
	case arrow.TIME32:
		return object{"type": "int", "logicalType": "time-millis"}, long, nil
	case arrow.TIME64:
		return object{"type": "long", "logicalType": "time-micros"}, long, nil
	}
	return nil, nil, fmt.Errorf("export: Avro has no type for %s", t)
}

// pairs makes a map, or an array of keys and values if the keys are not text.
func (p *avroPlanner) pairs(t *arrow.MapType) (any, encoder, error) {
	value, encodeValue, err := p.value(t.ItemType())
	if err != nil {
		return nil, nil, err
	}
	if t.KeyType().ID() == arrow.STRING {
		return object{"type": "map", "values": []any{"null", value}}, mapOf(textBytes, optional(encodeValue)), nil
	}
	key, encodeKey, err := p.value(t.KeyType())
	if err != nil {
		return nil, nil, err
	}
	entry := object{"type": "record", "name": fmt.Sprintf("record_%d", p.records), "fields": []object{
		{"name": "key", "type": key}, {"name": "value", "type": []any{"null", value}},
	}}
	p.records++
	return object{"type": "array", "items": entry}, mapOf(encodeKey, optional(encodeValue)), nil
}

// avroNames returns names that Avro allows: letters of ASCII, digits and underscores, unique without regard to case.
func avroNames(names []string) []string {
	seen := map[string]bool{}
	list := make([]string, len(names))
	for _, name := range names {
		if avroName(name) == name {
			seen[strings.ToLower(name)] = true
		}
	}
	for i, name := range names {
		allowed := avroName(name)
		if allowed != name {
			base := allowed
			for n := 2; seen[strings.ToLower(allowed)]; n++ {
				allowed = fmt.Sprintf("%s_%d", base, n)
			}
			seen[strings.ToLower(allowed)] = true
		}
		list[i] = allowed
	}
	return list
}

func avroName(name string) string {
	allowed := strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return r
		}
		return '_'
	}, name)
	if allowed == "" || '0' <= allowed[0] && allowed[0] <= '9' {
		allowed = "_" + allowed
	}
	return allowed
}

// renames reports whether a column or a member of a structure has a name that Avro does not allow.
func renames(fields []field) bool {
	for _, f := range fields {
		if avroName(f.name) != f.name || f.sqlType.AnyLabel(func(label string) bool { return avroName(label) != label }) {
			return true
		}
	}
	return false
}
