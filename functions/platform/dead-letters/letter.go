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

// The extensions in which Knative Eventing says why an event is a dead letter. Data
// is the beginning of the destination's answer, in base64.
const (
	errorDestination = "knativeerrordest"
	errorCode        = "knativeerrorcode"
	errorData        = "knativeerrordata"
)

// What is stored of a sender's text at the most, in bytes.
const (
	maxName   = 512
	maxReason = 2000
)

type failure struct {
	destination string
	status      *int // nil: no answer
	reason      string
}

func failureOf(e cloudevents.Event) failure {
	f := failure{destination: plain(extension(e, errorDestination), maxName)}
	if code, err := strconv.Atoi(extension(e, errorCode)); err == nil && code >= 100 && code <= 999 {
		f.status = &code
	}
	f.reason = plain(reasonIn(extension(e, errorData)), maxReason)
	switch {
	case f.reason != "":
	case f.status == nil:
		f.reason = "The destination did not answer"
	default:
		f.reason = strings.TrimSpace("The destination answered " + strconv.Itoa(*f.status) + " " + http.StatusText(*f.status))
	}
	return f
}

// function is the name of the service that the destination's URL names: its path in the
// local platform (/events/NAME), the first label of its host on a cluster.
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

// permanent tells whether the function refused the event itself (package runtime).
func (f failure) permanent() bool {
	return f.status != nil && *f.status == http.StatusUnprocessableEntity
}

// reasonIn is the detail of the problem (RFC 9457) that the destination answered,
// or else its answer as text. Brokers cut the answer off, so the problem may end
// in the middle.
func reasonIn(data string) string {
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
	text, _ := types.Format(e.Extensions()[name]) // absent or no CloudEvents type: nothing
	return text
}

func organizationOf(e cloudevents.Event) *uuid.UUID {
	id, err := uuid.Parse(extension(e, "organizationid"))
	if err != nil {
		return nil
	}
	return &id
}

// original is the event as it was published: with none of what brokers add.
func original(e cloudevents.Event) cloudevents.Event {
	e = e.Clone()
	for name := range e.Extensions() {
		if strings.HasPrefix(name, "knative") {
			e.SetExtension(name, nil)
		}
	}
	return e
}

// encode is the event in the JSON format; data that only claims to be JSON, which
// may be why nobody took the event, goes as base64.
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

// plain is text that PostgreSQL stores, of limited size.
func plain(text string, limit int) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text[:min(len(text), limit)], "\x00", ""), "")
}
