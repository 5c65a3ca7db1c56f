package recordlineage_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	eraseorganization "function/functions/datasets/erase-organization"
	"function/functions/datasets/lineage"
	recordlineage "function/functions/datasets/record-lineage"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const (
	path  = "/v1/lineage"
	load  = "0197a3c2-7b1d-7e59-9d51-000000000001"
	again = "0197a3c2-7b1d-7e59-9d51-000000000002"
)

// crm is a platform where another system loads the data set sales.
type crm struct {
	*platformtest.Platform
	t      *testing.T
	caller platformtest.Caller
	jobs   int
}

func open(t *testing.T) *crm {
	t.Helper()
	p := platformtest.New(t, append([]function.Declaration{recordlineage.Service, lineage.Service, eraseorganization.Service}, datasetstest.Lifecycle...)...)
	return &crm{Platform: p, t: t, caller: p.Login("owner")}
}

// upload creates sales with a version.
func (o *crm) upload(c platformtest.Caller) uuid.UUID {
	o.t.Helper()
	id := datasetstest.Create(o.t, o.Platform, c.Token, "sales").ID
	datasetstest.Upload(o.t, o.Platform, c.Token, id, "a.csv", "region,amount\nn,1\n").Want(o.t, http.StatusCreated)
	o.jobs++
	datasetstest.Profile(o.t, o.Platform, o.jobs)
	return id
}

func (o *crm) send(c platformtest.Caller, lines ...string) platformtest.Answer {
	return o.Do(c.Token, http.MethodPost, path, strings.Join(lines, "\n"), "Content-Type", "application/x-ndjson")
}

// graph returns the edges around version 1 of sales, with names in the place of identifiers.
func (o *crm) graph(c platformtest.Caller, id uuid.UUID) []string {
	o.t.Helper()
	g := platformtest.Decode[lineage.Graph](o.t, o.Do(c.Token, http.MethodGet, "/v1/datasets/"+id.String()+"/lineage?version=1&columns=true", nil).Want(o.t, http.StatusOK))
	names := map[string]string{}
	for _, n := range g.Nodes {
		names[n.ID] = n.Kind + " hidden"
		if n.Name != nil {
			names[n.ID] = n.Kind + " " + *n.Name
		}
	}
	var lines []string
	for _, e := range g.Edges {
		lines = append(lines, names[e.From]+" -> "+names[e.To]+" as "+e.Name)
	}
	for _, c := range g.Columns {
		to := "*"
		if c.ToColumn != nil {
			to = *c.ToColumn
		}
		lines = append(lines, fmt.Sprintf("%s.%s -> %s.%s %s %s", names[c.From], c.FromColumn, names[c.To], to, c.Kind, c.Transformation))
	}
	slices.Sort(lines)
	return lines
}

// facet is a facet with the members that every facet has.
func facet(members string) string {
	return `{"_producer":"https://example.com/etl","_schemaURL":"https://openlineage.io/spec/facets/1-2-0/F.json#/$defs/F",` + members + `}`
}

func dataset(namespace, name string, facets ...string) string {
	return fmt.Sprintf(`{"namespace":%q,"name":%q,"facets":{%s}}`, namespace, name, strings.Join(facets, ","))
}

func event(kind, at, run, job, inputs, outputs string) string {
	return fmt.Sprintf(`{"eventType":%q,"eventTime":%q,"producer":"https://example.com/etl","schemaURL":"https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",`+
		`"run":{"runId":%q},"job":{"namespace":"airflow","name":%q},"inputs":[%s],"outputs":[%s]}`, kind, at, run, job, inputs, outputs)
}

// columns is the facet of a table whose amount is computed from price, in the rows that kind selects.
func columns(source string) string {
	return `"columnLineage":` + facet(`"fields":{"amount":{"inputFields":[{"namespace":"postgres://crm","name":"`+source+`","field":"price","transformations":[{"type":"DIRECT","subtype":"AGGREGATION"}]}]}},`+
		`"dataset":[{"namespace":"postgres://crm","name":"`+source+`","field":"kind","transformations":[{"type":"INDIRECT","subtype":"FILTER"}]}]`)
}

// day returns the events of a load: raw to staging, staging to sales, and an older run that read something else.
func day(organization uuid.UUID) []string {
	own := "urn:uuid:" + organization.String()
	raw, staging := dataset("s3://raw", "orders.json"), dataset("postgres://crm", "staging")
	return []string{
		event("COMPLETE", "2020-01-01T09:00:00Z", again, "stage", dataset("s3://raw", "old.json"), staging),
		event("START", "2020-01-02T09:00:00+01:00", load, "stage", raw, ""),
		event("COMPLETE", "2020-01-02T09:00:00Z", load, "stage", "", staging),
		event("START", "2099-01-02T10:00:00Z", load, "load", staging, dataset(own, "SALES")),
		event("COMPLETE", "2099-01-02T10:05:00.123Z", load, "load", "", dataset(own, "sales", columns("staging"))),
		event("OTHER", "2099-01-02T10:06:00Z", load, "load", "", ""),
		event("RUNNING", "2099-01-02T10:02:00Z", load, "load", "", dataset(own, "sales", columns("wrong"))),
		event("FAIL", "2099-01-03T10:06:00Z", again, "load", dataset("s3://raw", "broken"), dataset(own, "sales")),
		`{"eventTime":"2099-01-04T00:00:00Z","producer":"https://example.com/etl","schemaURL":"https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobEvent","job":{"namespace":"bi","name":"dashboard"},"inputs":[` + dataset(own, "sales", `"version":`+facet(`"datasetVersion":"1"`)) + `]}`,
		`{"eventTime":"2099-01-04T00:00:00Z","producer":"https://example.com/etl","schemaURL":"https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent","dataset":` + dataset("postgres://crm", "staging", `"schema":`+facet(`"fields":[{"name":"price","type":"int"}]`)) + `}`,
	}
}

var wantDay = []string{
	"dataset orders.json -> run stage as input",
	"dataset staging -> run load as input",
	"dataset staging.kind -> version sales.* INDIRECT FILTER",
	"dataset staging.price -> version sales.amount DIRECT AGGREGATION",
	"dataset wrong -> run load as input",
	"run load -> version sales as output",
	"run stage -> dataset staging as output",
	"version sales -> run dashboard as input",
}

func TestRecordLineage_EventsTwiceAndInAnyOrder_SameLineage(t *testing.T) {
	t.Parallel()
	o := open(t)
	for range 4 {
		caller := o.Login("owner")
		sales := o.upload(caller)
		all := day(caller.OrganizationID)
		all = append(all, all...)
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		cut := rand.IntN(len(all) - 1)
		o.send(caller, all[:cut+1]...).Want(t, http.StatusCreated)
		for _, e := range all[cut+1:] {
			o.Do(caller.Token, http.MethodPost, path, e).Want(t, http.StatusCreated)
		}
		if diff := cmp.Diff(wantDay, o.graph(caller, sales)); diff != "" {
			t.Errorf("%s\nevents:\n%s", diff, strings.Join(all, "\n"))
		}
	}
}

func TestRecordLineage_AnotherOrganization_SeesAndJoinsNothing(t *testing.T) {
	t.Parallel()
	o := open(t)
	stranger := o.Login("owner")
	sales := o.upload(o.caller)
	o.send(stranger, day(o.caller.OrganizationID)...).Want(t, http.StatusCreated)
	if got := o.graph(o.caller, sales); len(got) != 0 {
		t.Errorf("graph %v, want nothing of what another organization says", got)
	}
	o.send(o.caller, day(o.caller.OrganizationID)...).Want(t, http.StatusCreated)
	answer := o.Do(o.caller.Token, http.MethodGet, "/v1/datasets/"+sales.String()+"/lineage/picture", nil).Want(t, http.StatusOK)
	for _, want := range []string{"staging", "postgres://crm", "run of a job · complete", ">load<"} {
		if !strings.Contains(string(answer.Body), want) {
			t.Errorf("no %q in the picture", want)
		}
	}
	if file := os.Getenv("LINEAGE_PICTURE"); file != "" {
		_ = os.WriteFile(file, answer.Body, 0o600)
	}
	platformtest.Deliver(o.Platform, "datasets-erase-organization", platformtest.Event(events.OrganizationDeleted{OrganizationID: stranger.OrganizationID})).Want(t, http.StatusNoContent)
	for _, table := range []string{"lineage_nodes", "lineage_runs"} {
		if n := datasetstest.Count(t, o.Platform, `SELECT count(*) FROM `+table+` WHERE organization_id = $1`, stranger.OrganizationID); n != 0 {
			t.Errorf("%d rows of the erased organization in %s", n, table)
		}
	}
	if got := o.graph(o.caller, sales); len(got) != len(wantDay) {
		t.Errorf("graph %v after the erasure of another organization", got)
	}
}

func TestRecordLineage_WrongEvent_IsNamedAndNothingIsStored(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.upload(o.caller)
	own := "urn:uuid:" + o.caller.OrganizationID.String()
	good := event("COMPLETE", "2020-01-02T09:00:00Z", load, "stage", "", dataset("postgres://crm", "staging"))
	version := func(n string) string { return `"version":` + facet(`"datasetVersion":`+n) }
	for _, c := range []struct{ event, place, sentence string }{
		{strings.Replace(good, `"runId"`, `"runID"`, 1), "body[1].run", "is missing the member runId"},
		{strings.Replace(good, load, "1234", 1), "body[1].run.runId", "must be a uuid"},
		{strings.Replace(good, load, uuid.Nil.String(), 1), "body[1].run.runId", "must not be zero"},
		{strings.Replace(good, "COMPLETE", "DONE", 1), "body[1].eventType", "must be one of"},
		{strings.Replace(good, "2020-01-02T", "2020-01-02 ", 1), "body[1].eventTime", "must be a date-time"},
		{strings.Replace(good, "2020-01-02T09:00:00Z", "2016-12-31T23:59:60Z", 1), "body[1].eventTime", "leap second"},
		{strings.Replace(good, `"outputs":[`, `"outputs":[7,`, 1), "body[1].outputs[0]", "must be of the type object"},
		{strings.Replace(good, `"name":"staging"`, `"name":""`, 1), "body[1].outputs[0].name", "must not be empty"},
		{strings.Replace(good, `"name":"staging"`, `"name":"a\u0000"`, 1), "body[1].outputs[0].name", "NUL"},
		{strings.Replace(good, `"name":"staging"`, `"name":"`+strings.Repeat("é", 2001)+`"`, 1), "body[1].outputs[0].name", "2000 characters"},
		{strings.Replace(good, `"job":`, `"jobs":`, 1), "body[1]", "is missing the member job"},
		{`{}`, "body[1]", "is not an event"},
		{`[]`, "body[1]", "is not an event"},
		{`{"a":`, "body[1]", "is not one JSON value"},
		{good + good, "body[1]", "is not one JSON value"},
		{event("COMPLETE", "2020-01-02T09:00:00Z", load, "stage", "", dataset("a", "b", `"columnLineage":{}`)), "body[1].outputs[0].facets.columnLineage", "is missing"},
		{event("COMPLETE", "2020-01-02T09:00:00Z", load, "stage", "", dataset("a", "b", strings.Replace(columns("x"), `"DIRECT"`, `"MAYBE"`, 1))), "transformations[0].type", "DIRECT or INDIRECT"},
		{event("COMPLETE", "2020-01-02T09:00:00Z", load, "stage", "", dataset(own, "sales", version(`"9"`))), "body[1].outputs[0].facets.version.datasetVersion", "is not the number of a version"},
		{event("COMPLETE", "2020-01-02T09:00:00Z", load, "stage", dataset(own, "sales", version(`"99999999999"`)), ""), "body[1].inputs[0].facets.version.datasetVersion", "is not the number of a version"},
	} {
		answer := o.send(o.caller, good, "", c.event).Want(t, http.StatusUnprocessableEntity)
		problem := platformtest.Decode[struct {
			Errors []struct{ Location, Message string }
		}](t, answer)
		if len(problem.Errors) == 0 || !strings.Contains(problem.Errors[0].Location, c.place) || !strings.Contains(problem.Errors[0].Message, c.sentence) {
			t.Errorf("%.300s: %s, want %s: %s", c.event, answer.Body, c.place, c.sentence)
		}
	}
	o.send(o.caller, slices.Repeat([]string{good}, 1001)...).Want(t, http.StatusUnprocessableEntity)
	o.send(o.caller, "", "").Want(t, http.StatusBadRequest)
	o.Do(o.caller.Token, http.MethodPost, path, "<a/>", "Content-Type", "text/xml").Want(t, http.StatusUnsupportedMediaType)
	if n := datasetstest.Count(t, o.Platform, `SELECT (SELECT count(*) FROM lineage_nodes) + (SELECT count(*) FROM lineage_runs)`); n != 0 {
		t.Errorf("%d rows of refused batches", n)
	}
}

// Batches with the same runs in different orders are sent at the same time.
func TestRecordLineage_ConcurrentBatches_AreAllStored(t *testing.T) {
	t.Parallel()
	o := open(t)
	var lines []string
	for i := range 40 {
		lines = append(lines, event("COMPLETE", "2020-01-02T09:00:00Z", uuid.NewSHA1(uuid.Nil, []byte{byte(i)}).String(), fmt.Sprint("job ", i%7), "", dataset("a", fmt.Sprint(i%5))))
	}
	done := make(chan platformtest.Answer)
	for range 6 {
		mixed := slices.Clone(lines)
		rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		go func() { done <- o.send(o.caller, mixed...) }()
	}
	for range 6 {
		(<-done).Want(t, http.StatusCreated)
	}
	if n := datasetstest.Count(t, o.Platform, `SELECT count(*) FROM lineage_runs`); n != len(lines) {
		t.Errorf("%d runs, want %d", n, len(lines))
	}
}
