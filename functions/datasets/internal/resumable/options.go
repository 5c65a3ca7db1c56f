package resumable

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"function/functions/datasets/internal/version"
	"function/shared/fault"
	"function/shared/ingest/reading"
)

// Options are the members of a request's body that say what becomes of a file.
type Options struct {
	Branch    string          `json:"branch,omitempty" default:"main" pattern:"^[a-z][a-z0-9._-]{0,62}$" doc:"The branch that gets the version"`
	Operation string          `json:"operation,omitempty" enum:"replace,append,upsert,delete" default:"replace" doc:"What happens to the rows that are there; see POST /v1/datasets/{id}/upload"`
	Key       []string        `json:"key,omitempty" maxItems:"16" nullable:"false" doc:"For upsert and delete: the columns that identify a row"`
	Message   string          `json:"message,omitempty" maxLength:"1000" pattern:"^[^\\x00]*$" doc:"Why the version was made, for its history"`
	Reading   reading.Options `json:"reading,omitzero" doc:"How to read the file. Whatever is absent is detected"`
	SHA256    string          `json:"sha256,omitempty" pattern:"^[0-9a-fA-F]{64}$" doc:"SHA-256 of the file, hexadecimal; a file with another one is refused"`
}

// Target returns the target of an upload with these options.
func (o *Options) Target() (t Target, err error) {
	options, err := json.Marshal(o.Reading)
	if err != nil {
		return t, fmt.Errorf("encode reading options: %w", err)
	}
	if t.Reading, err = reading.Parse(options, "body.reading"); err != nil {
		return t, err
	}
	t.Change = version.Change{Branch: o.Branch, Operation: o.Operation, Key: o.Key, Message: o.Message}
	if o.SHA256 != "" {
		if t.SHA256, err = hex.DecodeString(o.SHA256); err != nil {
			return t, fault.At("body.sha256", "a SHA-256 has 64 hexadecimal digits")
		}
	}
	return t, nil
}
