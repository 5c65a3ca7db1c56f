package recordreport_test

import (
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/lineage"
	recordreport "function/functions/datasets/record-report"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// team is an organization with a data set and a report that reads it.
type team struct {
	*platformtest.Platform
	t      *testing.T
	caller platformtest.Caller
	sales  uuid.UUID
	report uuid.UUID
}

func open(t *testing.T) *team {
	t.Helper()
	p := platformtest.New(t, append([]function.Declaration{recordreport.Service, lineage.Service}, datasetstest.Lifecycle...)...)
	o := &team{Platform: p, t: t, caller: p.Login("owner"), report: uuid.New()}
	o.sales = datasetstest.Create(t, p, o.caller.Token, "sales").ID
	for i, content := range []string{"region,amount\nn,1\n", "region,amount\nn,2\n"} {
		datasetstest.Upload(t, p, o.caller.Token, o.sales, "a.csv", content).Want(t, http.StatusCreated)
		datasetstest.Profile(t, p, i+1)
	}
	return o
}

// ran is the event of a run on a day that read a version.
func (o *team) ran(day, version int) events.Received[events.ReportRan] {
	read := events.VersionRead{DatasetID: o.sales, Version: version}
	return platformtest.Event(events.ReportRan{
		ReportID: o.report, RunID: uuid.New(), OrganizationID: o.caller.OrganizationID, Name: "Monthly", CreatedBy: o.caller.UserID,
		FinishedAt: time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC), Versions: []events.VersionRead{read},
		Columns: []events.ColumnRead{{VersionRead: read, Column: "amount", Result: "total", Kind: "DIRECT", Transformation: "AGGREGATION"}},
	})
}

func (o *team) deliver(e events.Received[events.ReportRan]) {
	o.t.Helper()
	platformtest.Deliver(o.Platform, "datasets-record-report", e).Want(o.t, http.StatusNoContent)
}

// graph returns what was made from a version, and the run that is shown.
func (o *team) graph(token, version string) (lines []string, run uuid.UUID) {
	o.t.Helper()
	g := platformtest.Decode[lineage.Graph](o.t, o.Do(token, http.MethodGet, "/v1/datasets/"+o.sales.String()+"/lineage?columns=true&version="+version, nil).Want(o.t, http.StatusOK))
	names := map[string]string{}
	for _, n := range g.Nodes {
		names[n.ID] = n.Kind
		if n.ReportID != nil && (*n.ReportID != o.report || *n.Name != "Monthly") {
			o.t.Errorf("node %+v is not of the report", n)
		}
		if n.RunID != nil {
			run = *n.RunID
		}
	}
	for _, e := range g.Edges {
		lines = append(lines, names[e.From]+" -> "+names[e.To])
	}
	for _, c := range g.Columns {
		lines = append(lines, names[c.From]+"."+c.FromColumn+" -> "+names[c.To]+"."+*c.ToColumn)
	}
	slices.Sort(lines)
	return lines, run
}

var wantGraph = []string{"run -> report", "version -> run", "version.amount -> report.total"}

func TestRecordReport_RunsTwiceAndInAnyOrder_NewestOfEachVersionIsShown(t *testing.T) {
	t.Parallel()
	o := open(t)
	first, second, third := o.ran(1, 1), o.ran(2, 1), o.ran(3, 2)
	all := []events.Received[events.ReportRan]{first, second, third, first, second, third}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, e := range all {
		o.deliver(e)
	}
	for version, want := range map[string]uuid.UUID{"1": second.Data.RunID, "2": third.Data.RunID} {
		lines, run := o.graph(o.caller.Token, version)
		if diff := cmp.Diff(wantGraph, lines); diff != "" || run != want {
			t.Errorf("version %s: run %s, want %s; %s", version, run, want, diff)
		}
	}
	answer := o.Do(o.caller.Token, http.MethodGet, "/v1/datasets/"+o.sales.String()+"/lineage/picture", nil).Want(t, http.StatusOK)
	if file := os.Getenv("LINEAGE_PICTURE"); file != "" {
		_ = os.WriteFile(file, answer.Body, 0o600)
	}
	if !strings.Contains(string(answer.Body), "run of a report") {
		t.Errorf("picture %s", answer.Body)
	}
}

func TestRecordReport_ReportDeleted_LateRunsAreIgnored(t *testing.T) {
	t.Parallel()
	o := open(t)
	o.deliver(o.ran(1, 1))
	deleted := platformtest.Event(events.ReportDeleted{ReportID: o.report, OrganizationID: o.caller.OrganizationID})
	platformtest.Deliver(o.Platform, "datasets-record-report", deleted).Want(t, http.StatusNoContent)
	o.deliver(o.ran(2, 1))
	if lines, _ := o.graph(o.caller.Token, "1"); len(lines) != 0 {
		t.Errorf("graph %v, want no deleted report", lines)
	}
}

// A run may read a data set that has been destroyed when its event arrives, and one of another organization.
func TestRecordReport_DataSetsAreGoneOrShared_OnlyOwnRunsAreShown(t *testing.T) {
	t.Parallel()
	o := open(t)
	e := o.ran(1, 1)
	gone := events.VersionRead{DatasetID: uuid.New(), Version: 1}
	e.Data.Versions = append(e.Data.Versions, gone)
	e.Data.Columns = append(e.Data.Columns, events.ColumnRead{VersionRead: gone, Column: "a", Result: "b", Kind: "DIRECT", Transformation: "IDENTITY"})
	e.Data.OrganizationID = o.Login("owner").OrganizationID
	o.deliver(e)
	if lines, _ := o.graph(o.caller.Token, "1"); len(lines) != 0 {
		t.Errorf("graph %v, want none of another organization's reports", lines)
	}
	if n := datasetstest.Count(t, o.Platform, `SELECT count(*) FROM lineage_run_datasets WHERE dataset_id = $1`, o.sales); n != 1 {
		t.Errorf("%d inputs of the report, want 1", n)
	}
}
