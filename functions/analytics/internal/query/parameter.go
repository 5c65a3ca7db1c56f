package query

import (
	"bytes"
	"encoding/json"

	"github.com/danielgtaylor/huma/v2"
)

// Limits on the values in one list, and on the values in all parameters together.
const (
	maxList  = 1_000
	maxBound = 10_000
)

// Parameter is a JSON string, number, boolean or null, or a list of them. Numbers keep their
// digits as written.
type Parameter struct{ value any }

// Schema implements huma.SchemaProvider.
func (Parameter) Schema(huma.Registry) *huma.Schema {
	most := maxList
	scalars := []*huma.Schema{{Type: huma.TypeString, Nullable: true}, {Type: huma.TypeNumber}, {Type: huma.TypeBoolean}}
	list := &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{AnyOf: scalars}, MaxItems: &most}
	return &huma.Schema{AnyOf: append(scalars[:len(scalars):len(scalars)], list)}
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Parameter) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(&p.value)
}

// MarshalJSON implements json.Marshaler.
func (p Parameter) MarshalJSON() ([]byte, error) { return json.Marshal(p.value) }
