package lineage_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/derive"
	"function/functions/datasets/internal/openlineage"
	"function/functions/datasets/lineage"
	restoreversion "function/functions/datasets/restore-version"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// shop is an organization with a file, corrections and a derived data set.
type shop struct {
	*platformtest.Platform
	t             *testing.T
	caller        platformtest.Caller
	sales, totals uuid.UUID
	jobs          int
}

func open(t *testing.T) *shop {
	t.Helper()
	p := platformtest.New(t, append([]function.Declaration{lineage.Service, derive.Service, deletion.Service, restoreversion.Service}, datasetstest.Lifecycle...)...)
	o := &shop{Platform: p, t: t, caller: p.Login("owner")}
	o.sales, o.totals = datasetstest.Create(t, p, o.caller.Token, "sales").ID, datasetstest.Create(t, p, o.caller.Token, "totals").ID
	o.upload("", "region,amount\nn,1\ns,5\n")
	o.upload("?operation=append", "region,amount\nn,2\n")
	p.Do(o.caller.Token, http.MethodPost, "/v1/datasets/"+o.totals.String()+"/derive",
		map[string]any{"query": "SELECT region, sum(amount) AS total FROM sales WHERE amount > 0 GROUP BY region"}).Want(t, http.StatusAccepted)
	o.profile()
	p.Do(o.caller.Token, http.MethodPost, "/v1/datasets/"+o.sales.String()+"/versions/1/restore", map[string]any{}).Want(t, http.StatusCreated)
	return o
}

func (o *shop) upload(query, content string) {
	o.t.Helper()
	body, contentType := datasetstest.Form(o.t, "file", "a.csv", "", content)
	o.Do(o.caller.Token, http.MethodPost, "/v1/datasets/"+o.sales.String()+"/upload"+query, body, "Content-Type", contentType).Want(o.t, http.StatusCreated)
	o.profile()
}

func (o *shop) profile() {
	o.t.Helper()
	o.jobs++
	datasetstest.Profile(o.t, o.Platform, o.jobs)
}

func (o *shop) get(id uuid.UUID, query string) lineage.Graph {
	o.t.Helper()
	answer := o.Do(o.caller.Token, http.MethodGet, "/v1/datasets/"+id.String()+"/lineage"+query, nil).Want(o.t, http.StatusOK)
	return platformtest.Decode[lineage.Graph](o.t, answer)
}

// text writes a graph with the names of data sets in the place of their identifiers.
func (o *shop) text(g lineage.Graph) []string {
	names := strings.NewReplacer(o.sales.String(), "sales", o.totals.String(), "totals")
	var lines []string
	for _, e := range g.Edges {
		lines = append(lines, names.Replace(e.From+" -> "+e.To+" as "+e.Name))
	}
	for _, c := range g.Columns {
		to := "*"
		if c.ToColumn != nil {
			to = *c.ToColumn
		}
		lines = append(lines, names.Replace(fmt.Sprintf("%s.%s -> %s.%s %s %s", c.From, c.FromColumn, c.To, to, c.Kind, c.Transformation)))
	}
	slices.Sort(lines)
	return lines
}

func TestLineage_OfAnyVersion_IsUpstreamAndDownstream(t *testing.T) {
	t.Parallel()
	o := open(t)
	for query, want := range map[string][]string{
		"?direction=upstream":           {"sales/1 -> sales/3 as source"},
		"?version=2&direction=upstream": {"sales/1 -> sales/2 as base"},
		"?version=2":                    {"sales/1 -> sales/2 as base", "sales/2 -> totals/1 as sales"},
		"?version=1&depth=1":            {"sales/1 -> sales/2 as base", "sales/1 -> sales/3 as source"},
		"?version=1&direction=downstream": {"sales/1 -> sales/2 as base", "sales/1 -> sales/3 as source",
			"sales/2 -> totals/1 as sales"},
	} {
		if diff := cmp.Diff(want, o.text(o.get(o.sales, query))); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
	want := []string{
		"sales/1 -> sales/2 as base", "sales/1.amount -> sales/2.amount DIRECT IDENTITY", "sales/1.region -> sales/2.region DIRECT IDENTITY",
		"sales/2 -> totals/1 as sales", "sales/2.amount -> totals/1.* INDIRECT FILTER", "sales/2.amount -> totals/1.total DIRECT AGGREGATION",
		"sales/2.region -> totals/1.* INDIRECT GROUP_BY", "sales/2.region -> totals/1.region DIRECT IDENTITY",
	}
	if diff := cmp.Diff(want, o.text(o.get(o.totals, "?columns=true"))); diff != "" {
		t.Error(diff)
	}
}

func TestLineage_DataSetIsDeletedOrOfOthers_IsNotShown(t *testing.T) {
	t.Parallel()
	o := open(t)
	stranger := o.Login("owner")
	for _, path := range []string{"/lineage", "/lineage/picture"} {
		o.Do(stranger.Token, http.MethodGet, "/v1/datasets/"+o.totals.String()+path, nil).Want(t, http.StatusNotFound)
		o.Do(o.caller.Token, http.MethodGet, "/v1/datasets/"+o.totals.String()+path+"?version=9", nil).Want(t, http.StatusUnprocessableEntity)
	}
	o.Do(o.caller.Token, http.MethodDelete, "/v1/datasets/"+o.sales.String(), nil).Want(t, http.StatusNoContent)
	g := o.get(o.totals, "?columns=true")
	for _, n := range g.Nodes {
		if own := *n.DatasetID == o.totals; n.Visible != own || (n.Name != nil) != own || (n.CreatedBy != nil) != own {
			t.Errorf("node %+v", n)
		}
	}
	if len(g.Nodes) != 3 || len(g.Edges) != 2 || len(g.Columns) != 0 {
		t.Errorf("graph %+v, want the versions without what the deleted data set was", g)
	}
}

func TestPicture_IsXMLWithTheNames(t *testing.T) {
	t.Parallel()
	o := open(t)
	if _, err := o.DB(database.Datasets).Exec(t.Context(), `UPDATE datasets SET name = 'totals <&>' WHERE id = $1`, o.totals); err != nil {
		t.Fatal(err)
	}
	answer := o.Do(o.caller.Token, http.MethodGet, "/v1/datasets/"+o.totals.String()+"/lineage/picture", nil).Want(t, http.StatusOK)
	if path := os.Getenv("LINEAGE_PICTURE"); path != "" {
		_ = os.WriteFile(path, answer.Body, 0o600)
	}
	var text strings.Builder
	for d := xml.NewDecoder(strings.NewReader(string(answer.Body))); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := token.(xml.CharData); ok {
			text.Write(data)
			text.WriteByte('\n')
		}
	}
	for _, want := range []string{"sales", "totals <&>", "version 2 · append", "version 1 · derive"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in %s", want, text.String())
		}
	}
	if policy := answer.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("policy %q", policy)
	}
}

func TestEvents_OfADerivedDataSet_HaveItsColumns(t *testing.T) {
	t.Parallel()
	o := open(t)
	stranger := o.Login("owner")
	path := "/v1/lineage/events?dataset=" + o.totals.String()
	o.Do(stranger.Token, http.MethodGet, path, nil).Want(t, http.StatusNotFound)
	answer := o.Do(o.caller.Token, http.MethodGet, path, nil).Want(t, http.StatusOK)
	again := o.Do(o.caller.Token, http.MethodGet, path, nil).Want(t, http.StatusOK)
	if string(answer.Body) != string(again.Body) || strings.Count(string(answer.Body), "\n") != 1 {
		t.Errorf("events %s and %s, want the same one", answer.Body, again.Body)
	}
	for _, dataset := range []uuid.UUID{o.totals, o.sales} {
		checkEvents(t, o.Do(o.caller.Token, http.MethodGet, "/v1/lineage/events?dataset="+dataset.String(), nil).Want(t, http.StatusOK).Body)
	}
	type transformations []struct{ Type, Subtype string }
	type from []struct {
		Name, Field     string
		Transformations transformations
	}
	event := platformtest.Decode[struct {
		EventType, EventTime, Producer, SchemaURL string
		Run                                       struct{ RunID uuid.UUID }
		Job                                       struct {
			Facets struct{ SQL struct{ Query string } }
		}
		Inputs  []struct{ Name string }
		Outputs []struct {
			Name   string
			Facets struct {
				Schema        struct{ Fields []struct{ Name, Type string } }
				ColumnLineage struct {
					Fields  map[string]struct{ InputFields from }
					Dataset from
				}
			}
		}
	}](t, answer)
	if event.EventType != "COMPLETE" || event.EventTime == "" || event.Run.RunID == uuid.Nil || !strings.HasPrefix(event.Job.Facets.SQL.Query, "SELECT region") ||
		len(event.Inputs) != 1 || event.Inputs[0].Name != "sales" || len(event.Outputs) != 1 || len(event.Outputs[0].Facets.Schema.Fields) != 2 {
		t.Fatalf("event %s", answer.Body)
	}
	lineage := event.Outputs[0].Facets.ColumnLineage
	if diff := cmp.Diff(from{{"sales", "amount", transformations{{"DIRECT", "AGGREGATION"}}}}, lineage.Fields["total"].InputFields); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(from{{"sales", "amount", transformations{{"INDIRECT", "FILTER"}}}, {"sales", "region", transformations{{"INDIRECT", "GROUP_BY"}}}}, lineage.Dataset); diff != "" {
		t.Error(diff)
	}
}

// checkEvents checks events by OpenLineage's schemas.
func checkEvents(t *testing.T, lines []byte) {
	t.Helper()
	for line := range bytes.Lines(lines) {
		event, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if wrong, err := openlineage.Check("event", event); err != nil || len(wrong) > 0 {
			t.Errorf("event %s: %v %v", line, wrong, err)
		}
	}
}
