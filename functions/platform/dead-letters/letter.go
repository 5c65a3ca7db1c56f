package deadletters

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/google/uuid"
)

// Extensions in which Knative Eventing reports why an event became a dead letter. errorData is
// the beginning of the destination's response in base64.
const (
	errorDestination = "knativeerrordest"
	errorCode        = "knativeerrorcode"
	errorData        = "knativeerrordata"
)

// Limits on stored text of senders, in bytes.
const (
	maxName   = 512
	maxReason = 2000
)

type failure struct {
	destination string
	status      *int // nil: no response
	reason      string
}

func failureOf(e cloudevents.Event) failure {
	f := failure{destination: storable(extension(e, errorDestination), maxName)}
	if code, err := strconv.Atoi(extension(e, errorCode)); err == nil && code >= 100 && code <= 999 {
		f.status = &code
	}
	f.reason = storable(responseDetail(extension(e, errorData)), maxReason)
	switch {
	case f.reason != "":
	case f.status == nil:
		f.reason = "The destination did not respond"
	default:
		f.reason = strings.TrimSpace("The destination responded with " + strconv.Itoa(*f.status) + " " + http.StatusText(*f.status))
	}
	return f
}

// function returns the name of the service in the destination's URL: the last segment of its path
// on the local platform (/events/NAME), the first label of its host on a cluster.
func (f failure) function() string {
	destination, err := url.Parse(f.destination)
	if err != nil {
		return ""
	}
	if name := path.Base(destination.Path); name != "." && name != "/" {
		return name
	}
	name, _, _ := strings.Cut(destination.Hostname(), ".")
	return name
}

// permanent reports whether the function refused the event itself (see package runtime).
func (f failure) permanent() bool {
	return f.status != nil && *f.status == http.StatusUnprocessableEntity
}

// responseDetail returns the detail of the problem (RFC 9457) in the destination's response, or
// else the response as text. Brokers truncate the response, so the problem may be incomplete.
func responseDetail(data string) string {
	answer, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		answer, _ = base64.RawStdEncoding.DecodeString(data[:len(data)/4*4])
	}
	decoder := json.NewDecoder(bytes.NewReader(answer))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return string(answer)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			break
		}
		if name == "detail" {
			if detail, _ := decoder.Token(); detail != nil {
				if text, ok := detail.(string); ok {
					return text
				}
			}
			break
		}
		var skipped json.RawMessage
		if decoder.Decode(&skipped) != nil {
			break
		}
	}
	return string(answer)
}

func extension(e cloudevents.Event, name string) string {
	text, _ := types.Format(e.Extensions()[name]) // empty if absent or of an unknown type
	return text
}

func organizationOf(e cloudevents.Event) *uuid.UUID {
	id, err := uuid.Parse(extension(e, "organizationid"))
	if err != nil {
		return nil
	}
	return &id
}

// original returns the event as it was published, without the extensions that brokers add.
func original(e cloudevents.Event) cloudevents.Event {
	e = e.Clone()
	for name := range e.Extensions() {
		if strings.HasPrefix(name, "knative") {
			e.SetExtension(name, nil)
		}
	}
	return e
}

// encode encodes the event in the JSON format. Data that is not valid JSON, which may be why the
// event was refused, is encoded as base64.
func encode(e cloudevents.Event) ([]byte, error) {
	if !json.Valid(e.Data()) || !utf8.Valid(e.Data()) {
		e.DataBase64 = true
	}
	encoded, err := json.Marshal(e)
	if err == nil && !utf8.Valid(encoded) {
		err = errors.New("an attribute is not UTF-8")
	}
	return encoded, err
}

// storable returns the text, truncated to limit bytes, without what PostgreSQL cannot store.
func storable(text string, limit int) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text[:min(len(text), limit)], "\x00", ""), "")
}
