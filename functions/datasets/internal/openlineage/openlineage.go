// Package openlineage reads events of OpenLineage (https://openlineage.io) and checks them against its JSON Schemas.
package openlineage

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"function/shared/fault"
	"function/shared/lineage"
)

// Limits of one request.
const (
	MaxEvents   = 1000
	maxDatasets = 1000   // inputs and outputs of an event
	maxColumns  = 10_000 // inputs of the columns of an event
	maxText     = 2000   // characters of a name
	maxFaults   = 20
)

// Namespace returns the namespace of an organization's own data sets and jobs.
func Namespace(organization uuid.UUID) string { return "urn:uuid:" + organization.String() }

// Name identifies a data set or a job.
type Name struct{ Namespace, Name string }

// Event says what a run of a job read and wrote, or what a job or data set declares without a run.
type Event struct {
	At      string // its place in the body, such as body[3]
	Type    string // START, RUNNING, COMPLETE, ABORT, FAIL or OTHER
	Time    time.Time
	RunID   uuid.UUID // uuid.Nil: no run
	Job     Name      // empty: the event is about a data set, which is the only output
	Inputs  []Dataset
	Outputs []Dataset
}

// Dataset is an input or an output.
type Dataset struct {
	Name
	At      string
	Version string   // empty: not named
	Columns []Column // nil: the event says nothing about them
}

// Column is an input of a column.
type Column struct {
	To             string // empty: every column
	Input          Name
	From           string
	Kind           string // DIRECT or INDIRECT
	Transformation string // as the event names it; may be empty
}

// Check returns what of an event at a place of the body does not satisfy OpenLineage's schemas, those of the facets
// included that this package knows.
func Check(at string, event any) ([]fault.Field, error) {
	_, run := member(event, "run")
	_, job := member(event, "job")
	_, dataset := member(event, "dataset")
	definition := ""
	switch {
	case run:
		definition = runEvent
	case job && dataset:
		return []fault.Field{{Location: at, Message: "has both a job and a dataset: send a JobEvent or a DatasetEvent"}}, nil
	case job:
		definition = jobEvent
	case dataset:
		definition = datasetEvent
	default:
		return []fault.Field{{Location: at, Message: "is not an event: it has run and job, job, or dataset"}}, nil
	}
	wrong, err := check(definition, at, event)
	if err != nil || len(wrong) > 0 {
		return wrong, err
	}
	for _, holder := range holders(at, event) {
		for name, definition := range facets {
			value, ok := facet(holder.value, name)
			if !ok {
				continue
			}
			more, err := check(definition, holder.at+".facets."+name, value)
			if err != nil {
				return nil, err
			}
			wrong = append(wrong, more...)
		}
	}
	slices.SortFunc(wrong, func(a, b fault.Field) int { return strings.Compare(a.Location, b.Location) })
	return wrong, nil
}

// Parse reads an event, or a batch of events with one in each line. Every event that is wrong is named in the fault.
func Parse(body []byte, batch bool) ([]Event, error) {
	lines := [][]byte{body}
	if batch {
		lines = bytes.Split(body, []byte("\n"))
	}
	var events []Event
	refusal := fault.New(fault.Invalid, "Nothing was stored, because some events do not satisfy OpenLineage's schemas: correct the members that are named, and send all events again")
	n := 0
	for _, line := range lines {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		at := "body"
		if batch {
			at = "body[" + strconv.Itoa(n) + "]"
		}
		if n++; n > MaxEvents {
			return nil, fault.New(fault.Invalid, "A batch has at most %d events: send the others in another one", MaxEvents)
		}
		event, wrong, err := parse(at, line)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
		if refusal.Fields = append(refusal.Fields, wrong...); len(refusal.Fields) > maxFaults {
			refusal.Fields = refusal.Fields[:maxFaults]
		}
	}
	if n == 0 {
		return nil, fault.New(fault.Malformed, "The body has no event: send an event of OpenLineage as JSON, or one in each line")
	}
	if len(refusal.Fields) > 0 {
		return nil, refusal
	}
	return events, nil
}

func parse(at string, line []byte) (e Event, wrong []fault.Field, err error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	if err != nil {
		return e, []fault.Field{{Location: at, Message: "is not one JSON value (RFC 8259)"}}, nil
	}
	if wrong, err = Check(at, value); err != nil || len(wrong) > 0 {
		return e, wrong, err
	}
	r := &reader{}
	e = r.event(at, value)
	return e, r.wrong, nil
}

// reader converts a value that satisfies the schemas, and collects what cannot be stored.
type reader struct {
	wrong   []fault.Field
	columns int
}

func (r *reader) refuse(at, message string) {
	r.wrong = append(r.wrong, fault.Field{Location: at, Message: message})
}

func (r *reader) event(at string, value any) Event {
	e := Event{At: at, Type: text(value, "eventType")}
	moment := text(value, "eventTime")
	var err error
	if e.Time, err = time.Parse(time.RFC3339, strings.ToUpper(moment)); err != nil || e.Time.Year() < 1 {
		r.refuse(at+".eventTime", "must be a time between the years 1 and 9999 without a leap second, as in 2026-01-31T12:00:00Z")
	}
	if e.Type == "" {
		e.Type = "OTHER"
	}
	if id := text(value, "run", "runId"); id != "" {
		e.RunID, _ = uuid.Parse(id) // the schema has checked it
		if e.RunID == uuid.Nil {
			r.refuse(at+".run.runId", "must not be zero")
		}
	}
	if job, ok := member(value, "job"); ok {
		e.Job = r.name(at+".job", job)
		e.Inputs, e.Outputs = r.datasets(at+".inputs", value, "inputs"), r.datasets(at+".outputs", value, "outputs")
	} else {
		dataset, _ := member(value, "dataset")
		e.Outputs = []Dataset{r.dataset(at+".dataset", dataset)}
	}
	if len(e.Inputs)+len(e.Outputs) > maxDatasets {
		r.refuse(at, "has more than 1000 inputs and outputs")
	}
	if r.columns > maxColumns {
		r.refuse(at, "has more than 10000 inputs of columns")
	}
	return e
}

func (r *reader) datasets(at string, value any, name string) (all []Dataset) {
	list, _ := member(value, name)
	items, _ := list.([]any)
	for i, item := range items {
		all = append(all, r.dataset(at+"["+strconv.Itoa(i)+"]", item))
	}
	return all
}

func (r *reader) dataset(at string, value any) Dataset {
	d := Dataset{Name: r.name(at, value), At: at}
	if version, ok := facet(value, "version"); ok {
		d.Version = text(version, "datasetVersion")
	}
	if _, ok := member(value, "facets", "columnLineage"); !ok {
		return d
	}
	d.Columns = []Column{}
	whole, ok := facet(value, "columnLineage")
	if !ok {
		return d
	}
	at += ".facets.columnLineage"
	inputs, _ := member(whole, "dataset")
	d.Columns = append(d.Columns, r.inputs(at+".dataset", "", inputs, "")...)
	fields, _ := member(whole, "fields")
	outputs, _ := fields.(map[string]any)
	for output, field := range outputs {
		place := at + ".fields." + short(output)
		if output == "" {
			r.refuse(place, "must not be empty")
		}
		r.text(place, output)
		inputs, _ := member(field, "inputFields")
		d.Columns = append(d.Columns, r.inputs(place+".inputFields", output, inputs, text(field, "transformationType"))...)
	}
	return d
}

// inputs reads the inputs of a column. Old events have one transformation for all of them, and no kind.
func (r *reader) inputs(at, output string, value any, old string) (all []Column) {
	items, _ := value.([]any)
	for i, item := range items {
		place := at + "[" + strconv.Itoa(i) + "]"
		c := Column{To: output, Input: r.name(place, item), From: text(item, "field"), Kind: lineage.Direct, Transformation: old}
		if output == "" {
			c.Kind = lineage.Indirect
		}
		if c.From == "" {
			r.refuse(place+".field", "must not be empty")
		}
		r.text(place+".field", c.From)
		transformations, _ := member(item, "transformations")
		list, _ := transformations.([]any)
		for n, t := range list {
			c.Kind, c.Transformation = text(t, "type"), text(t, "subtype")
			if c.Kind != lineage.Direct && c.Kind != lineage.Indirect {
				r.refuse(place+".transformations["+strconv.Itoa(n)+"].type", "must be DIRECT or INDIRECT")
			}
			r.text(place+".transformations["+strconv.Itoa(n)+"].subtype", c.Transformation)
			all = append(all, c)
		}
		if len(list) == 0 {
			all = append(all, c)
		}
	}
	r.columns += len(all)
	return all
}

func (r *reader) name(at string, value any) Name {
	n := Name{text(value, "namespace"), text(value, "name")}
	if n.Name == "" {
		r.refuse(at+".name", "must not be empty")
	}
	r.text(at+".namespace", n.Namespace)
	r.text(at+".name", n.Name)
	return n
}

func (r *reader) text(at, s string) {
	switch {
	case strings.ContainsRune(s, 0):
		r.refuse(at, "contains the character NUL, which cannot be stored: remove it")
	case utf8.RuneCountInString(s) > maxText:
		r.refuse(at, "is longer than 2000 characters")
	}
}
