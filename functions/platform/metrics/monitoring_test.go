package metrics_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"function/shared/database"
	"function/shared/platformtest"
)

// monitoring is the folder with the configuration of Prometheus and Grafana.
const monitoring = "../../../knative/monitoring"

// ofTheCluster lists the metrics that the kubelet, kube-state-metrics and Prometheus itself
// export.
var ofTheCluster = []string{
	"container_cpu_usage_seconds_total", "container_memory_working_set_bytes", "kube_pod_container_resource_limits",
	"kubelet_volume_stats_used_bytes", "kubelet_volume_stats_capacity_bytes", "ALERTS",
}

type rules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Record, Expr string
			Annotations         map[string]string
		}
	}
}

func decode(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(monitoring, file))
	if err == nil && strings.HasSuffix(file, ".json") {
		err = json.Unmarshal(content, into)
	} else if err == nil {
		err = yaml.Unmarshal(content, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func TestAlertRules_LoadAndFire(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{{"check", "rules", "rules.yaml"}, {"test", "rules", "tests.yaml"}, {"check", "config", "prometheus.yaml"}} {
		promtool := exec.Command("promtool", arguments...)
		promtool.Dir = monitoring
		if said, err := promtool.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v (scripts/setup.sh --test installs it)\n%s", strings.Join(arguments, " "), err, said)
		}
	}
}

func TestAlerts_EveryAlert_IsTestedAndHasARunbook(t *testing.T) {
	t.Parallel()
	var all rules
	decode(t, "rules.yaml", &all)
	tests, err := os.ReadFile(filepath.Join(monitoring, "tests.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range all.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			if r.Annotations["summary"] == "" || len(r.Annotations["description"]) < 40 {
				t.Errorf("alert %s does not say what to do", r.Alert)
			}
			if !strings.Contains(string(tests), r.Alert) {
				t.Errorf("alert %s has no test in tests.yaml", r.Alert)
			}
		}
	}
	var wrapped struct{ Spec rules }
	decode(t, "prometheusrule.yaml", &wrapped)
	if diff := cmp.Diff(all, wrapped.Spec); diff != "" {
		t.Errorf("the operator's rules are others: %s", diff)
	}
}

var (
	inPromQL = regexp.MustCompile(`"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(by|on|without|ignoring) *\([^)]*\)|\boffset +\w+`)
	name     = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*( *\()?`)
)

// named returns the metrics that an expression reads.
func named(expression string) (all []string) {
	for _, word := range name.FindAllString(inPromQL.ReplaceAllString(expression, " "), -1) {
		if !strings.HasSuffix(word, "(") && !slices.Contains([]string{"and", "or", "unless", "bool"}, word) {
			all = append(all, word)
		}
	}
	return all
}

func TestAlertsAndDashboards_ReadExportedMetrics(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"a_total", "b", "c:d"}, named(`sum by (x, le) (rate(a_total{y=~"z|{"}[5m])) / (b > 0.5) and on () c:d offset 15m`)); diff != "" {
		t.Fatalf("PromQL is read wrongly: %s", diff)
	}
	p := platformtest.New(t, declaration)
	_, err := p.DB(database.Analytics).Exec(t.Context(), `
INSERT INTO platform.dead_letters (id, source, event_id, event_type, destination, event, reason) VALUES (gen_random_uuid(), '', '', 't', '', '', '')`)
	if err != nil {
		t.Fatal(err)
	}
	exported := slices.Clone(ofTheCluster)
	for family, f := range scrape(t, p) {
		exported = append(exported, family)
		if f.GetMetric()[0].Histogram != nil {
			exported = append(exported, family+"_bucket", family+"_count", family+"_sum")
		}
	}
	reads := map[string]string{} // the place of each metric
	var all rules
	decode(t, "rules.yaml", &all)
	for _, g := range all.Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				exported = append(exported, r.Record)
			}
			for _, metric := range named(r.Expr) {
				reads[metric] = "rule " + r.Alert + r.Record
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(monitoring, "dashboards", "*.json"))
	if err != nil || len(files) != 5 {
		t.Fatalf("%d dashboards (%v), want the 5 of docs/contract.md", len(files), err)
	}
	titles := map[string]bool{}
	for _, file := range files {
		var dashboard struct {
			Title  string
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		decode(t, filepath.Join("dashboards", filepath.Base(file)), &dashboard)
		titles[dashboard.Title] = true
		for _, panel := range dashboard.Panels {
			for _, target := range panel.Targets {
				if len(named(target.Expr)) == 0 {
					t.Errorf("%s, %s: shows nothing", dashboard.Title, panel.Title)
				}
				for _, metric := range named(target.Expr) {
					reads[metric] = "dashboard " + dashboard.Title + ", " + panel.Title
				}
			}
		}
	}
	for _, title := range []string{"User Management Overview", "Data Operations Dashboard", "Analytics Performance", "Database Health", "Compliance Monitoring"} {
		if !titles[title] {
			t.Errorf("there is no dashboard %s", title)
		}
	}
	for _, metric := range slices.Sorted(maps.Keys(reads)) {
		if !slices.Contains(exported, metric) {
			t.Errorf("%s reads %s, which nobody exports", reads[metric], metric)
		}
	}
}
