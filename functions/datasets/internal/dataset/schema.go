package dataset

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"function/shared/fault"
	"function/shared/ingest"
	"function/shared/resultset"
)

// Schema declares the columns of a data set's files. Without a schema the types are inferred from
// each file.
type Schema struct {
	Columns []Column `json:"columns" minItems:"1" maxItems:"2000" nullable:"false"`
}

// Column is one declared column.
type Column struct {
	Name string `json:"name" minLength:"1" maxLength:"255" pattern:"^[^\\x00-\\x1f]+$" doc:"Name in the file, ignoring case"`
	Type string `json:"type" maxLength:"32" example:"DECIMAL(18,2)" doc:"VARCHAR, TINYINT, SMALLINT, INTEGER, BIGINT, HUGEINT, REAL, DOUBLE, DECIMAL(p,s), BOOLEAN, DATE, TIME, TIMESTAMP, TIMESTAMPTZ, UUID or JSON"`
}

var (
	plainType   = regexp.MustCompile(`^(VARCHAR|TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|REAL|DOUBLE|BOOLEAN|DATE|TIME|TIMESTAMP|TIMESTAMPTZ|UUID|JSON)$`)
	decimalType = regexp.MustCompile(`^DECIMAL\(([1-9]|[12][0-9]|3[0-8]),([0-9]|[12][0-9]|3[0-8])\)$`)
)

// Check returns an error if a declared schema is invalid. It normalizes the types to upper case
// without spaces.
func (s *Schema) Check(location string) error {
	if s == nil {
		return nil
	}
	seen := make(map[string]bool, len(s.Columns))
	for i := range s.Columns {
		c, at := &s.Columns[i], fmt.Sprintf("%s.columns[%d]", location, i)
		c.Type = strings.ToUpper(strings.ReplaceAll(c.Type, " ", ""))
		if !knownType(c.Type) {
			return fault.At(at+".type", "this is not a type that a column can have, such as VARCHAR, BIGINT, DOUBLE, DECIMAL(18,2), BOOLEAN, DATE or TIMESTAMP")
		}
		name := strings.ToLower(c.Name)
		if seen[name] {
			return fault.At(at+".name", "another column already has this name; SQL names are case-insensitive")
		}
		seen[name] = true
	}
	return nil
}

func knownType(name string) bool {
	if m := decimalType.FindStringSubmatch(name); m != nil {
		return len(m[2]) < len(m[1]) || len(m[2]) == len(m[1]) && m[2] <= m[1] // scale ≤ precision
	}
	return plainType.MatchString(name)
}

// ResultColumns returns the declared columns as package ingest expects them.
func (s *Schema) ResultColumns() []resultset.Column {
	if s == nil {
		return nil
	}
	columns := make([]resultset.Column, len(s.Columns))
	for i, c := range s.Columns {
		columns[i] = resultset.Column{Name: c.Name, Type: c.Type}
	}
	return columns
}

// Profile is the profile of a version's columns: the stored JSON of []ingest.ColumnProfile. It is
// not decoded, because decoding would round its numbers.
type Profile struct{ json.RawMessage }

// Schema implements huma.SchemaProvider.
func (Profile) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[[]ingest.ColumnProfile](), true, "")
}
