package postgres

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"function/shared/resultset"
)

// typeName returns PostgreSQL's name of a type, such as int4, timestamptz or text[].
func typeName(types *pgtype.Map, oid uint32) string {
	t, ok := types.TypeForOID(oid)
	if !ok {
		return "text" // value returns it as text
	}
	if element, ok := strings.CutPrefix(t.Name, "_"); ok {
		return element + "[]"
	}
	return t.Name
}

// value decodes a value from PostgreSQL's text form. Types without a JSON form, such as
// intervals, ranges and rows, stay in PostgreSQL's text form.
func value(types *pgtype.Map, oid uint32, text []byte) any {
	if text == nil {
		return nil
	}
	switch oid {
	case pgtype.JSONOID, pgtype.JSONBOID:
		return json.RawMessage(slices.Clone(text))
	case pgtype.NumericOID:
		return resultset.Decimal(string(text))
	case pgtype.BoolOID, pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.Float4OID, pgtype.Float8OID,
		pgtype.ByteaOID, pgtype.DateOID, pgtype.TimestampOID, pgtype.TimestamptzOID:
		t, _ := types.TypeForOID(oid)
		if decoded, err := t.Codec.DecodeValue(types, oid, pgtype.TextFormatCode, text); err == nil {
			return resultset.Value(decoded, t.Name)
		}
		return string(text) // for example a year of five digits
	}
	if t, ok := types.TypeForOID(oid); ok {
		if codec, ok := t.Codec.(*pgtype.ArrayCodec); ok {
			return array(types, oid, codec.ElementType.OID, text)
		}
	}
	return string(text)
}

// array decodes an array of any number of dimensions into nested lists.
func array(types *pgtype.Map, oid, element uint32, text []byte) any {
	var a pgtype.Array[*string]
	if err := types.Scan(oid, pgtype.TextFormatCode, text, &a); err != nil {
		return string(text)
	}
	list := make([]any, len(a.Elements))
	for i, e := range a.Elements {
		if e != nil {
			list[i] = value(types, element, []byte(*e))
		}
	}
	for i := len(a.Dims) - 1; i > 0; i-- {
		list = nest(list, int(a.Dims[i].Length))
	}
	return list
}

func nest(list []any, length int) []any {
	var nested []any
	for part := range slices.Chunk(list, length) {
		nested = append(nested, slices.Clone(part))
	}
	return nested
}
