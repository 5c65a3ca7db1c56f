package walk

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// GovernedTarget is a running platform.
type GovernedTarget struct {
	Target
	Python     string                                    // an interpreter with the packages that clients.py imports
	NewestMail func(t *testing.T, address string) string // text of the newest mail to an address, or ""
}

// RunGovernedTeam plays a steward, a colleague who analyses, and a partner in another organization, on an empty platform.
func RunGovernedTeam(t *testing.T, target GovernedTarget) {
	g := &governed{GovernedTarget: target, walk: &walk{Target: target.Target, client: &client{t: t, url: target.URL}}}
	g.openAccount()
	g.colleague = g.invite(g.NewestMail, "Bob", "analyst")
	g.partner = &walk{Target: target.Target, client: &client{t: t, url: target.URL}}
	g.partner.openAccount()

	g.agreeOnContract()
	g.deriveRevenue()
	g.keepBadVersionFromEverybody()
	g.rerunRevenue()
	g.traceTotal()
	g.maskPersonalData()
	g.shareWithPartner()
	g.findOrders()
	g.useOtherTools()
	g.endShare()
}

type governed struct {
	GovernedTarget
	*walk
	colleague, partner *walk
	orders, revenue    *history
}

const contract = `owner: sales
key: [id]
rules:
  - {kind: unique, column: id}
  - {name: positive, kind: range, column: amount, min: 0}
  - {name: known region, kind: set, column: region, values: [EU, US], severity: warn}
`

const revenueQuery = `SELECT region, sum(amount) AS total FROM orders GROUP BY region`

var firstOrders = "id,region,email,amount\n1,EU,ada@example.org,120.5\n2,US,bob@example.org,80\n3,EU,cleo@example.org,40\n4,US,dan@example.org,10\n5,EU,eve@example.org,5\n"

func (g *governed) agreeOnContract() {
	g.orders = g.create("orders", "local")
	path := g.orders.path + "/contract"
	misspelled := g.walk.send(http.MethodPut, path, "application/yaml", strings.NewReader(strings.Replace(contract, "min:", "minimum:", 1)))
	if misspelled.status != http.StatusUnprocessableEntity || !strings.Contains(string(misspelled.body), "minimum") {
		g.t.Fatalf("misspelled contract: %d %s", misspelled.status, misspelled.body)
	}
	decode[map[string]any](g.client, http.MethodPut, path, http.StatusOK, g.walk.send(http.MethodPut, path, "application/yaml", strings.NewReader(contract)))
	g.orders.add("", firstOrders)
	if q := get[verdict](g.client, g.orders.path+"/quality/1"); q.Score != 1 || len(q.Results) != 3 {
		g.t.Fatalf("quality of good rows: %+v", q)
	}
}

func (g *governed) deriveRevenue() {
	g.revenue = g.create("revenue", "local")
	derived := call[struct{ Version *int }](g.client, http.MethodPost, g.revenue.path+"/derive", map[string]string{"query": revenueQuery}, http.StatusAccepted)
	if derived.Version == nil || *derived.Version != 1 {
		g.t.Fatalf("derived version %v, want 1", derived.Version)
	}
	g.revenue.await(1)
	g.wantRows("SELECT region, total FROM revenue ORDER BY region", [][]string{{"EU", "165.5"}, {"US", "90"}})
}

// rerunRevenue changes an input and waits for the result.
func (g *governed) rerunRevenue() {
	g.orders.add("operation=append", "id,region,email,amount\n6,EU,finn@example.org,1000\n")
	g.revenue.await(2)
	g.wantRows("SELECT region, total FROM revenue ORDER BY region", [][]string{{"EU", "1165.5"}, {"US", "90"}})
	if got := get[struct{ Items []version }](g.client, g.revenue.path+"/versions"); len(got.Items) != 2 {
		g.t.Fatalf("revenue has %d versions after one change, want 2", len(got.Items))
	}
}

// exportEvent says that a job of another system has exported the orders from a shop's database.
const exportEvent = `{
  "eventType": "COMPLETE", "eventTime": "2026-01-31T12:00:00Z", "producer": "https://example.com/export",
  "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
  "run": {"runId": "01977f3b-4b7a-7c61-9f5e-3a1f0f4e8d10"}, "job": {"namespace": "airflow", "name": "export_orders"},
  "inputs": [{"namespace": "postgres://shop:5432", "name": "shop.public.orders"}],
  "outputs": [{"namespace": "urn:uuid:ORGANIZATION", "name": "orders", "facets": {
    "version": {"_producer": "https://example.com/export", "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json", "datasetVersion": "1"},
    "columnLineage": {"_producer": "https://example.com/export", "_schemaURL": "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json", "fields": {"amount": {"inputFields": [
      {"namespace": "postgres://shop:5432", "name": "shop.public.orders", "field": "price", "transformations": [{"type": "DIRECT", "subtype": "TRANSFORMATION"}]}]}}}}}]
}`

// traceTotal follows the column total back to a column of the shop's database.
func (g *governed) traceTotal() {
	event := strings.ReplaceAll(exportEvent, "ORGANIZATION", g.account.OrganizationID)
	decode[map[string]any](g.client, http.MethodPost, "/v1/lineage", http.StatusCreated, g.walk.send(http.MethodPost, "/v1/lineage", "application/json", strings.NewReader(event)))
	type edge struct {
		From       string
		FromColumn string `json:"from_column"`
		To         string
		ToColumn   string `json:"to_column"`
		Kind       string
	}
	graph := get[struct {
		Nodes   []struct{ ID, Name string }
		Columns []edge
	}](g.client, g.revenue.path+"/lineage?columns=true")
	column, at := "total", strings.TrimPrefix(g.revenue.path, "/v1/datasets/")+"/2"
	var way []string
	for found := true; found; {
		found = false
		for _, e := range graph.Columns {
			if e.To == at && e.ToColumn == column && e.Kind == "DIRECT" {
				way, column, at, found = append(way, e.FromColumn), e.FromColumn, e.From, true
				break
			}
		}
	}
	source := ""
	for _, n := range graph.Nodes {
		if n.ID == at {
			source = n.Name
		}
	}
	if diff := cmp.Diff([]string{"amount", "price", "shop.public.orders"}, append(way[max(0, len(way)-2):], source)); diff != "" {
		g.t.Fatalf("where total comes from (-want +got):\n%s\n%+v", diff, graph.Columns)
	}
	picture := g.want(http.MethodGet, g.revenue.path+"/lineage/picture", http.StatusOK)
	for _, name := range []string{"<svg", "revenue", "orders", "export_orders"} {
		if !strings.Contains(string(picture.body), name) {
			g.t.Errorf("the picture does not show %s", name)
		}
	}
}

// maskPersonalData has a policy hide what the platform found, from all but the owner.
func (g *governed) maskPersonalData() {
	type column struct{ Column, Kind, Status string }
	found := get[struct{ Items []column }](g.client, g.orders.path+"/personal-data")
	if diff := cmp.Diff([]column{{"email", "email", "found"}}, found.Items); diff != "" {
		g.t.Fatalf("personal data (-want +got):\n%s", diff)
	}
	owners := map[string]any{"roles": []string{"owner"}}
	call[map[string]any](g.client, http.MethodPut, g.orders.path+"/policies/personal", map[string]any{"mask_personal_data": "hash", "exempt": owners}, http.StatusOK)
	call[map[string]any](g.client, http.MethodPut, g.orders.path+"/policies/europe", map[string]any{"filter": "region = 'EU'", "exempt": owners}, http.StatusOK)
	const seen = "SELECT count(*), count(*) FILTER (WHERE email LIKE '%@%') FROM orders"
	g.wantRows(seen, [][]string{{"6", "6"}})
	g.colleague.wantRows(seen, [][]string{{"4", "0"}})
	csv := g.colleague.want(http.MethodGet, g.orders.path+"/download?format=csv", http.StatusOK)
	if text := string(csv.body); strings.Contains(text, "@") || strings.Contains(text, "US") || strings.Count(text, "\n") != 5 {
		g.t.Fatalf("a download shows what policies hide:\n%s", text)
	}
	g.colleague.want(http.MethodGet, g.orders.path+"/download", http.StatusForbidden)
}

func (g *governed) shareWithPartner() {
	g.partner.want(http.MethodGet, g.orders.path, http.StatusNotFound)
	g.share(time.Now().Add(time.Hour))
	g.partner.wantRows("SELECT id, region, email LIKE '%@%' FROM orders ORDER BY id LIMIT 1", [][]string{{"1", "EU", "false"}})
	g.partner.want(http.MethodGet, g.orders.path+"/download?format=csv", http.StatusOK)
	g.partner.want(http.MethodGet, "/iceberg/v1/namespaces/shared/tables/orders", http.StatusForbidden)
	g.partner.want(http.MethodGet, g.revenue.path, http.StatusNotFound)
}

func (g *governed) share(until time.Time) {
	g.t.Helper()
	call[map[string]any](g.client, http.MethodPost, g.orders.path+"/shares", map[string]any{
		"grantee_kind": "organization", "grantee_id": g.partner.account.OrganizationID, "purpose": "Forecast of demand", "expires_at": until,
	}, http.StatusOK)
}

// endShare lets the share expire.
func (g *governed) endShare() {
	g.share(time.Now().Add(time.Second))
	until(g.partner.client, "the share to end", func() int { return g.partner.send(http.MethodGet, g.orders.path, "", nil).status },
		func(status int) bool { return status == http.StatusNotFound })
	g.partner.want(http.MethodGet, g.orders.path+"/download?format=csv", http.StatusNotFound)
	call[map[string]any](g.partner.client, http.MethodPost, "/v1/analytics/query",
		map[string]any{"query": "SELECT * FROM orders", "database": "datasets"}, http.StatusUnprocessableEntity)
	g.wantFound(g.partner, "orders")
}

// findOrders has each person find what they may read, by a synonym of a term of the glossary.
func (g *governed) findOrders() {
	call[map[string]any](g.client, http.MethodPut, "/v1/datasets/glossary/terms/revenue",
		map[string]any{"definition": "What customers paid, without tax", "synonyms": []string{"turnover"}}, http.StatusOK)
	call[map[string]any](g.client, http.MethodPatch, g.revenue.path+"/metadata", map[string]any{"terms": []string{"revenue"}}, http.StatusOK)
	g.wantFound(g.walk, "turnover", "revenue")
	g.wantFound(g.colleague, "turnover", "revenue")
	g.wantFound(g.partner, "turnover")
	g.wantFound(g.partner, "orders", "orders")
}

func (g *governed) wantFound(by *walk, words string, want ...string) {
	g.t.Helper()
	var names []string
	for _, item := range get[struct{ Items []struct{ Name string } }](by.client, "/v1/datasets/search?q="+words).Items {
		if !strings.HasSuffix(item.Name, "_failures") {
			names = append(names, item.Name)
		}
	}
	if diff := cmp.Diff(want, names); diff != "" {
		g.t.Fatalf("search for %s (-want +got):\n%s", words, diff)
	}
}
