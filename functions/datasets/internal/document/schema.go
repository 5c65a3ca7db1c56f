package document

import (
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"function/shared/fault"
)

// MaxSchema is the maximum size of a schema in bytes.
const MaxSchema = 64 << 10

const (
	schemaURL = "schema:///"
	draft     = "https://json-schema.org/draft/2020-12/schema"
	// maxSteps limits how many subschemas are applied to one document. Subschemas that refer to each
	// other could otherwise take for ever.
	maxSteps  = 1_000_000
	maxErrors = 20
)

var errSteps = errors.New("the schema takes too long")

// schema is a compiled schema. It is not safe for concurrent use.
type schema struct {
	compiled *jsonschema.Schema
	steps    int
}

// noLoader refuses schemas elsewhere.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is not part of this schema", url)
}

// Validate implements jsonschema.SchemaExt, for every subschema. It counts.
func (s *schema) Validate(*jsonschema.ValidatorContext, any) {
	if s.steps++; s.steps > maxSteps {
		panic(errSteps)
	}
}

// compile reads a JSON Schema (draft 2020-12). References lead to places in the same schema only.
func compile(text string) (s *schema, err error) {
	value, err := decode([]byte(text))
	if err != nil {
		return nil, err
	}
	if err := Check(value); err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fault.At("body", "a schema is a JSON object")
	}
	if named, ok := object["$schema"]; ok && named != draft {
		return nil, fault.At("body.$schema", "only JSON Schema 2020-12 is supported: %s", draft)
	}
	s = &schema{}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(noLoader{})
	compiler.AssertFormat()
	compiler.AssertVocabs()
	compiler.RegisterVocabulary(&jsonschema.Vocabulary{
		URL:     schemaURL + "steps",
		Compile: func(*jsonschema.CompilerContext, map[string]any) (jsonschema.SchemaExt, error) { return s, nil },
	})
	if err := compiler.AddResource(schemaURL, object); err != nil {
		return nil, fault.At("body", "this is not a JSON Schema: %s", reason(err))
	}
	if s.compiled, err = compiler.Compile(schemaURL); err != nil {
		return nil, fault.At("body", "this is not a JSON Schema: %s", reason(err))
	}
	if at := selfApplying(s.compiled); at != nil {
		return nil, fault.At("body", "the schema at %s applies itself to the same value again and again: let it refer to itself only for members or elements", strings.TrimPrefix(at.Location, schemaURL))
	}
	return s, nil
}

// reason returns the first line of a compiler's message without the address of the schema.
func reason(err error) string {
	var invalid *jsonschema.SchemaValidationError
	if errors.As(err, &invalid) {
		var at *jsonschema.ValidationError
		if errors.As(invalid.Err, &at) {
			if fields := failures(at); len(fields) > 0 {
				return strings.TrimPrefix(fields[0].Location, "body.") + ": " + fields[0].Message
			}
		}
	}
	text, _, _ := strings.Cut(strings.ReplaceAll(err.Error(), schemaURL, ""), "\n")
	return text
}

// CheckSchema refuses what is not a schema.
func CheckSchema(text string) error {
	_, err := compile(text)
	return err
}

// Validate refuses a document that does not satisfy a schema, with the places at fault.
func Validate(text string, document map[string]any) error {
	s, err := compile(text)
	if err != nil {
		return err
	}
	return s.validate(document)
}

func (s *schema) validate(document map[string]any) (err error) {
	defer func() {
		switch thrown := recover(); thrown {
		case nil:
		case errSteps:
			err = fault.New(fault.Invalid, "Checking the document against the schema of the data set takes more than %d steps: simplify the schema", maxSteps)
		default:
			panic(thrown)
		}
	}()
	s.steps = 0
	err = s.compiled.Validate(any(document))
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	fields := failures(invalid)
	refusal := fault.New(fault.Invalid, "The document does not satisfy the schema of the data set: correct the fields that are named")
	refusal.Fields = fields
	return refusal
}

// failures lists the innermost failures. The messages never quote the document.
func failures(e *jsonschema.ValidationError) []fault.Field {
	if len(e.Causes) == 0 {
		return []fault.Field{{Location: place(e.InstanceLocation), Message: "does not satisfy " + keyword(e)}}
	}
	var all []fault.Field
	for _, cause := range e.Causes {
		all = append(all, failures(cause)...)
	}
	return all[:min(len(all), maxErrors)]
}

// keyword describes what failed, with its place in the schema.
func keyword(e *jsonschema.ValidationError) string {
	_, fragment, _ := strings.Cut(e.SchemaURL, "#")
	for _, step := range e.ErrorKind.KeywordPath() {
		fragment += "/" + step
	}
	return "#" + fragment
}

func place(location []string) string {
	return strings.Join(append([]string{"body"}, location...), ".")
}
