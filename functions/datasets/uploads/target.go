package uploads

import (
	"encoding/hex"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/datasets/internal/resumable"
	"function/functions/datasets/internal/version"
	"function/shared/fault"
	"function/shared/ingest/reading"
)

// known are the keys of Upload-Metadata.
var known = []string{"dataset_id", "filename", "filetype", "branch", "operation", "key", "message", "reading", "sha256"}

// Other keys that clients add by themselves: Uppy and tus-js-client.
var tolerated = []string{"name", "type", "relativePath"}

// maxMetadata limits Upload-Metadata, in bytes.
const maxMetadata = 16 << 10

// targetOf reads what is to become of a file from the metadata of its upload.
func targetOf(text string) (dataset uuid.UUID, t resumable.Target, err error) {
	if len(text) > maxMetadata {
		return dataset, t, fault.New(fault.Malformed, "Upload-Metadata is longer than %d bytes", maxMetadata)
	}
	values, err := parseMetadata(text)
	if err != nil {
		return dataset, t, err
	}
	for key, value := range values {
		switch {
		case !slices.Contains(known, key) && !slices.Contains(tolerated, key):
			return dataset, t, at(key, "unknown key: the keys are %s", strings.Join(known, ", "))
		case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
			return dataset, t, at(key, "the value is not UTF-8 text without the character U+0000")
		}
	}
	if dataset, err = uuid.Parse(values["dataset_id"]); err != nil {
		return dataset, t, at("dataset_id", "name the data set: its identifier is a UUID")
	}
	t.FileName, t.FileType = first(values, "filename", "name"), first(values, "filetype", "type")
	if t.Change, err = changeOf(values); err != nil {
		return dataset, t, err
	}
	if text, ok := values["reading"]; ok {
		if t.Reading, err = reading.Parse([]byte(text), "header.Upload-Metadata.reading"); err != nil {
			return dataset, t, err
		}
	}
	if text, ok := values["sha256"]; ok {
		if t.SHA256, err = hex.DecodeString(text); err != nil || len(t.SHA256) != 32 {
			return dataset, t, at("sha256", "a SHA-256 has 64 hexadecimal digits")
		}
	}
	return dataset, t, nil
}

func at(key, format string, args ...any) error {
	return fault.At("header.Upload-Metadata."+key, format, args...)
}

func first(values map[string]string, keys ...string) string {
	for _, key := range keys {
		if values[key] != "" {
			return values[key]
		}
	}
	return ""
}

// changeOf reads the parameters of a change, which have the rules of the query of POST …/upload.
func changeOf(values map[string]string) (version.Change, error) {
	change := version.Change{Branch: values["branch"], Operation: values["operation"], Message: values["message"]}
	fields := reflect.TypeFor[version.Change]()
	for key, value := range map[string]*string{"branch": &change.Branch, "operation": &change.Operation, "message": &change.Message} {
		field, _ := fields.FieldByNameFunc(func(name string) bool { return strings.EqualFold(name, key) })
		schema := huma.SchemaFromField(registry, field, "")
		if *value == "" {
			*value, _ = schema.Default.(string)
		}
		switch {
		case len(schema.Enum) > 0 && !slices.Contains(schema.Enum, any(*value)):
			return change, at(key, "the value must be one of %s", field.Tag.Get("enum"))
		case schema.Pattern != "" && !regexp.MustCompile(schema.Pattern).MatchString(*value):
			return change, at(key, "the value does not match %s", schema.Pattern)
		case schema.MaxLength != nil && utf8.RuneCountInString(*value) > *schema.MaxLength:
			return change, at(key, "the value is longer than %d characters", *schema.MaxLength)
		}
	}
	if text := values["key"]; strings.HasPrefix(text, "[") {
		if err := json.Unmarshal([]byte(text), &change.Key); err != nil {
			return change, at("key", "the value must be a JSON array of column names")
		}
	} else if text != "" {
		change.Key = strings.Split(text, ",")
	}
	if len(change.Key) > 16 {
		return change, at("key", "a key has at most 16 columns")
	}
	return change, nil
}

var registry = huma.NewMapRegistry("", huma.DefaultSchemaNamer)
