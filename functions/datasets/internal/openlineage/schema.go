package openlineage

import (
	"embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"function/shared/fault"
)

// files are OpenLineage's schemas; schema/README.md says where they are from.
//
//go:embed schema/*.json
var files embed.FS

// Places of the definitions that are applied.
const (
	base         = "https://openlineage.io/spec/"
	runEvent     = base + "2-0-2/OpenLineage.json#/$defs/RunEvent"
	jobEvent     = base + "2-0-2/OpenLineage.json#/$defs/JobEvent"
	datasetEvent = base + "2-0-2/OpenLineage.json#/$defs/DatasetEvent"
)

// facets are the definitions of facets by the member of an event's facets.
var facets = map[string]string{
	"columnLineage": base + "facets/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet",
	"schema":        base + "facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
	"version":       base + "facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
	"sql":           base + "facets/1-1-0/SQLJobFacet.json#/$defs/SQLJobFacet",
	"errorMessage":  base + "facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
}

// schemas returns the compiled definitions by their places. They are safe for concurrent use.
var schemas = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	entries, err := files.ReadDir("schema")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		file, err := files.Open("schema/" + entry.Name())
		if err != nil {
			return nil, err
		}
		schema, err := jsonschema.UnmarshalJSON(file)
		if err != nil {
			return nil, fmt.Errorf("decode %s: %w", entry.Name(), err)
		}
		if err := compiler.AddResource(text(schema, "$id"), schema); err != nil {
			return nil, fmt.Errorf("add %s: %w", entry.Name(), err)
		}
	}
	compiled := map[string]*jsonschema.Schema{}
	for _, place := range []string{runEvent, jobEvent, datasetEvent, facets["columnLineage"], facets["schema"], facets["version"], facets["sql"], facets["errorMessage"]} {
		if compiled[place], err = compiler.Compile(place); err != nil {
			return nil, fmt.Errorf("compile %s: %w", place, err)
		}
	}
	return compiled, nil
})

// check returns what of a value at a place of the body does not satisfy a definition.
func check(definition, at string, value any) ([]fault.Field, error) {
	all, err := schemas()
	if err != nil {
		return nil, err
	}
	err = all[definition].Validate(value)
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		return failures(at, invalid), nil
	}
	return nil, err
}

// failures lists the innermost failures, without values of the event.
func failures(at string, e *jsonschema.ValidationError) (all []fault.Field) {
	for _, cause := range e.Causes {
		all = append(all, failures(at, cause)...)
	}
	if len(e.Causes) > 0 {
		return all
	}
	for _, step := range e.InstanceLocation {
		if _, err := strconv.Atoi(step); err == nil {
			at += "[" + step + "]"
		} else {
			at += "." + short(step)
		}
	}
	return []fault.Field{{Location: at, Message: sentence(e.ErrorKind)}}
}

func sentence(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Required:
		return "is missing the member " + strings.Join(k.Missing, ", ")
	case *kind.Type:
		return "must be of the type " + strings.Join(k.Want, " or ")
	case *kind.Format:
		return "must be a " + k.Want
	case *kind.Enum:
		return fmt.Sprintf("must be one of %v", k.Want)
	}
	return "does not satisfy " + strings.Join(k.KeywordPath(), "/") + " of OpenLineage's schema"
}
