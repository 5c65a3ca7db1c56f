package docs_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

var route = regexp.MustCompile("(?m)^\\| ([A-Z]+) \\| `([^`]+)` \\|")

func TestContract_Paths_MatchAPI(t *testing.T) {
	t.Parallel()
	var api struct {
		Paths map[string]map[string]any
	}
	if err := yaml.Unmarshal([]byte(read(t, "../knative/openapi.yaml")), &api); err != nil {
		t.Fatal(err)
	}
	paths := section(t, read(t, "contract.md"), "## Paths")
	for heading, built := range map[string]bool{"### Built": true, "### Not built yet": false} {
		routes := route.FindAllStringSubmatch(section(t, paths, heading), -1)
		if len(routes) == 0 {
			t.Errorf("no paths under %s", heading)
		}
		for _, r := range routes {
			if _, got := api.Paths[r[2]][strings.ToLower(r[1])]; got != built {
				t.Errorf("%s %s is under %q; in knative/openapi.yaml: %t", r[1], r[2], heading, got)
			}
		}
	}
}

var family = regexp.MustCompile(`(?m)^\t+name: "([a-z_]+)"`)

func TestContract_Metrics_MatchExposedMetrics(t *testing.T) {
	t.Parallel()
	var exposed []string
	for _, f := range family.FindAllStringSubmatch(read(t, "../functions/platform/metrics/families.go"), -1) {
		exposed = append(exposed, f[1])
	}
	contract := section(t, read(t, "contract.md"), "## Metrics")
	promised := firstCells(contract)
	promised = slices.DeleteFunc(promised, func(name string) bool { return strings.Contains(name, ".") }) // dashboards
	if len(promised) == 0 {
		t.Error("no metrics in the contract")
	}
	for _, name := range promised {
		if !slices.Contains(exposed, name) {
			t.Errorf("%s is not in functions/platform/metrics/families.go", name)
		}
	}
	documented := read(t, "operations.md") + contract
	for _, name := range exposed {
		if !regexp.MustCompile("`" + name + "[`{]").MatchString(documented) {
			t.Errorf("%s is documented neither in contract.md nor in operations.md", name)
		}
	}
}

func TestContract_ServicesAlertsAndDashboards_Exist(t *testing.T) {
	t.Parallel()
	contract := read(t, "contract.md")
	for _, name := range firstCells(section(t, contract, "## Services")) {
		if _, err := os.Stat("../knative/base/services/" + name + ".yaml"); err != nil {
			t.Errorf("service %s: %v", name, err)
		}
	}
	rules := read(t, "../knative/monitoring/rules.yaml")
	for _, name := range firstCells(section(t, contract, "## Alerts")) {
		if !strings.Contains(rules, "alert: "+name+"\n") {
			t.Errorf("alert %s is not in knative/monitoring/rules.yaml", name)
		}
	}
	dashboards := regexp.MustCompile("(?m)^\\| ([^|`]+) \\| `([a-z-]+\\.json)` \\|").FindAllStringSubmatch(contract, -1)
	if len(dashboards) == 0 {
		t.Error("no dashboards in the contract")
	}
	for _, d := range dashboards {
		if !strings.Contains(read(t, "../knative/monitoring/dashboards/"+d[2]), `"title": "`+d[1]+`"`) {
			t.Errorf("%s is not the dashboard %q", d[2], d[1])
		}
	}
}

func TestContract_Databases_Exist(t *testing.T) {
	t.Parallel()
	source := read(t, "../shared/database/database.go")
	names := firstCells(section(t, read(t, "contract.md"), "## Databases"))
	if len(names) == 0 {
		t.Error("no databases in the contract")
	}
	for _, name := range names {
		if !strings.Contains(source, `"`+name+`"`) {
			t.Errorf("%s is not in shared/database/database.go", name)
		}
	}
}
