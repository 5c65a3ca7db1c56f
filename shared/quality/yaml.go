package quality

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"function/shared/fault"
)

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// FromYAML converts a YAML document to JSON. Numbers keep all their digits. What JSON cannot carry exactly is refused
// with its line: anchors, repeated names, numbers in other notations, infinities.
func FromYAML(text []byte) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fault.New(fault.Malformed, "The contract is not valid YAML: %s", fault.Excerpt(strings.TrimPrefix(err.Error(), "yaml: ")))
	}
	if len(document.Content) != 1 {
		return nil, fault.New(fault.Malformed, "The contract is empty")
	}
	var out strings.Builder
	if err := writeJSON(&out, document.Content[0]); err != nil {
		return nil, err
	}
	return []byte(out.String()), nil
}

func writeJSON(out *strings.Builder, n *yaml.Node) error {
	refuse := func(what string) error {
		return fault.New(fault.Invalid, "Line %d of the contract has %s", n.Line, what)
	}
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return refuse("an anchor or alias: write the value out")
	}
	switch n.Kind {
	case yaml.MappingNode:
		seen := map[string]bool{}
		out.WriteByte('{')
		for i := 0; i < len(n.Content); i += 2 {
			name := n.Content[i]
			if name.ShortTag() != "!!str" || seen[name.Value] {
				return fault.New(fault.Invalid, "Line %d of the contract has a name that is repeated, or is not text: %s", name.Line, fault.Excerpt(name.Value))
			}
			seen[name.Value] = true
			if i > 0 {
				out.WriteByte(',')
			}
			encoded, _ := json.Marshal(name.Value) // a string
			fmt.Fprintf(out, "%s:", encoded)
			if err := writeJSON(out, n.Content[i+1]); err != nil {
				return err
			}
		}
		out.WriteByte('}')
		return nil
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeJSON(out, item); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	}
	switch tag := n.ShortTag(); tag {
	case "!!str", "!!timestamp":
		encoded, _ := json.Marshal(n.Value) // a string
		out.Write(encoded)
	case "!!int", "!!float":
		if !jsonNumber.MatchString(n.Value) {
			return refuse("a number that is not in decimal notation: write it as in JSON, or in quotes")
		}
		out.WriteString(n.Value)
	case "!!bool", "!!null":
		var v any
		if err := n.Decode(&v); err != nil {
			return refuse("a value that cannot be read")
		}
		encoded, _ := json.Marshal(v) // a boolean or null
		out.Write(encoded)
	default:
		return refuse("a value of the type " + fault.Excerpt(tag) + ", which JSON does not have")
	}
	return nil
}
