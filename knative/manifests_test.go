package knative_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	network "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	eventing "knative.dev/eventing/pkg/apis/eventing/v1"
	sources "knative.dev/eventing/pkg/apis/sources/v1"
	"knative.dev/pkg/apis"
	"knative.dev/serving/pkg/apis/config"
	serving "knative.dev/serving/pkg/apis/serving/v1"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	gatewaybeta "sigs.k8s.io/gateway-api/apis/v1beta1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"function/functions"
	"function/shared/function"
)

var segment = regexp.MustCompile(`\{[^/]+\}`)

// types returns an empty value of each kind that the manifests use. A kind that is missing here
// fails the tests, since it would not be checked. Secrets are missing because the repository
// contains none.
var types = map[string]func() any{
	"v1 Namespace":                           func() any { return &core.Namespace{} },
	"v1 ConfigMap":                           func() any { return &core.ConfigMap{} },
	"v1 ServiceAccount":                      func() any { return &core.ServiceAccount{} },
	"v1 ResourceQuota":                       func() any { return &core.ResourceQuota{} },
	"v1 LimitRange":                          func() any { return &core.LimitRange{} },
	"v1 Service":                             func() any { return &core.Service{} },
	"apps/v1 StatefulSet":                    func() any { return &apps.StatefulSet{} },
	"batch/v1 Job":                           func() any { return &batch.Job{} },
	"policy/v1 PodDisruptionBudget":          func() any { return &policy.PodDisruptionBudget{} },
	"networking.k8s.io/v1 NetworkPolicy":     func() any { return &network.NetworkPolicy{} },
	"gateway.networking.k8s.io/v1 HTTPRoute": func() any { return &gateway.HTTPRoute{} },
	"gateway.networking.k8s.io/v1beta1 ReferenceGrant": func() any { return &gatewaybeta.ReferenceGrant{} },
	"serving.knative.dev/v1 Service":                   func() any { return &serving.Service{} },
	"eventing.knative.dev/v1 Broker":                   func() any { return &eventing.Broker{} },
	"eventing.knative.dev/v1 Trigger":                  func() any { return &eventing.Trigger{} },
	"sources.knative.dev/v1 PingSource":                func() any { return &sources.PingSource{} },
}

// knativeType is implemented by every Knative type.
type knativeType interface {
	apis.Defaultable
	apis.Validatable
}

// kustomize serializes builds with Kustomize: the library keeps the schema of Kubernetes in package
// variables, which every build writes.
var kustomize sync.Mutex

func build(folder string) (resmap.ResMap, error) {
	kustomize.Lock()
	defer kustomize.Unlock()
	return krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
}

// render builds a folder with Kustomize and decodes each resource strictly into its Go type.
// Knative resources are also checked with Knative's own validation.
func render(t *testing.T, folder string) []any {
	t.Helper()
	rendered, err := build(folder)
	if err != nil {
		t.Fatal(err)
	}
	var found []any
	for _, r := range rendered.Resources() {
		name := folder + ": " + r.GetApiVersion() + " " + r.GetKind()
		empty, ok := types[r.GetApiVersion()+" "+r.GetKind()]
		if !ok {
			t.Fatalf("%s is of no known type", name)
		}
		content, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		v := empty()
		if err := yaml.UnmarshalStrict(content, v); err != nil {
			t.Errorf("%s %s: %v", name, r.GetName(), err)
			continue
		}
		if k, ok := v.(knativeType); ok {
			ctx := apis.WithinCreate(cluster())
			k.SetDefaults(ctx)
			if err := k.Validate(ctx); err != nil {
				t.Errorf("%s %s: %v", name, r.GetName(), err)
			}
		}
		found = append(found, v)
	}
	return found
}

// cluster is Knative's configuration that allows functions to start at zero, which
// components/start-at-zero requires.
func cluster() context.Context {
	c := config.FromContextOrDefaults(context.Background())
	c.Autoscaler.AllowZeroInitialScale = true
	return config.ToContext(context.Background(), c)
}

// of returns the resources of one type.
func of[T any](resources []any) []T {
	var found []T
	for _, r := range resources {
		if v, ok := r.(T); ok {
			found = append(found, v)
		}
	}
	return found
}

func wantSame(t *testing.T, what string, want, got []string) {
	t.Helper()
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s and catalog differ (-catalog +manifests):\n%s", what, diff)
	}
}

func TestManifests_OverlaysAndStores_AreValid(t *testing.T) {
	t.Parallel()
	folders := []string{"routes"}
	for _, parent := range []string{"overlays", "stores", "../eventing/overlays"} {
		entries, err := os.ReadDir(parent)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			folders = append(folders, parent+"/"+entry.Name())
		}
	}
	for _, folder := range folders {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			if len(render(t, folder)) == 0 {
				t.Error("renders nothing")
			}
		})
	}
}

func TestManifests_EachFunction_IsAService(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, d := range functions.Catalog {
		want = append(want, d.Services()...)
	}
	for _, s := range of[*serving.Service](render(t, "base")) {
		got = append(got, s.Name)
		template := s.Spec.Template
		if s.Namespace != "aic-data" || template.Annotations["autoscaling.knative.dev/min-scale"] != "0" {
			t.Errorf("%s: namespace %q, annotations %v", s.Name, s.Namespace, template.Annotations)
		}
		if local := s.Labels["networking.knative.dev/visibility"] == "cluster-local"; local == (s.Name == "platform-gateway") {
			t.Errorf("%s is cluster-local: %t; the gateway, and nothing else, is public", s.Name, local)
		}
		c := template.Spec.Containers[0]
		if c.Image != "aic-data" || c.ReadinessProbe.HTTPGet == nil || c.ReadinessProbe.PeriodSeconds != 0 {
			t.Errorf("%s: image %s, probe %+v", s.Name, c.Image, c.ReadinessProbe)
		}
		wantRestricted(t, s.Name, &core.PodSecurityContext{}, c)
	}
	wantSame(t, "services", want, got)
}

// wantRestricted checks the Pod Security Standard "restricted", and that the container requests
// less than its limit: a limit alone is also a request.
func wantRestricted(t *testing.T, name string, pod *core.PodSecurityContext, c core.Container) {
	t.Helper()
	s := c.SecurityContext
	nonRoot, seccomp := s.RunAsNonRoot, s.SeccompProfile
	if nonRoot == nil {
		nonRoot = pod.RunAsNonRoot
	}
	if seccomp == nil {
		seccomp = pod.SeccompProfile
	}
	if nonRoot == nil || !*nonRoot || seccomp == nil || seccomp.Type != core.SeccompProfileTypeRuntimeDefault ||
		s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) {
		t.Errorf("%s is not restricted: %+v", name, s)
	}
	if len(c.Resources.Limits) > 0 && len(c.Resources.Requests) == 0 {
		t.Errorf("%s requests all of its limit", name)
	}
}

func TestManifests_StoresAndMigrations_AreRestricted(t *testing.T) {
	t.Parallel()
	for _, job := range of[*batch.Job](render(t, "base")) {
		wantRestricted(t, job.Name, &core.PodSecurityContext{}, job.Spec.Template.Spec.Containers[0])
	}
	stores, err := os.ReadDir("stores")
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range stores {
		sets := of[*apps.StatefulSet](render(t, "stores/"+store.Name()))
		if len(sets) != 1 || sets[0].Name != store.Name() {
			t.Fatalf("store %s holds %d StatefulSets, want one of its name", store.Name(), len(sets))
		}
		pod := sets[0].Spec.Template.Spec
		wantRestricted(t, store.Name(), pod.SecurityContext, pod.Containers[0])
	}
}

// The operator's types are not a dependency of this module: promtool checks the rules
// (functions/platform/metrics).
func TestMonitoring_ScrapesOnlyPlatformMetrics(t *testing.T) {
	t.Parallel()
	rendered, err := build("monitoring")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rendered.Resources() {
		got = append(got, r.GetApiVersion()+" "+r.GetKind()+" "+r.GetNamespace()+"/"+r.GetName())
		if r.GetLabels()["app.kubernetes.io/component"] != "monitoring" {
			t.Errorf("%s %s is not labelled as monitoring", r.GetKind(), r.GetName())
		}
	}
	wantSame(t, "monitoring", []string{
		"monitoring.coreos.com/v1alpha1 ScrapeConfig aic-data/aic-data", "monitoring.coreos.com/v1 PrometheusRule aic-data/aic-data",
		"v1 ConfigMap aic-data/aic-data-dashboards",
	}, got)
	const target = "platform-metrics.aic-data.svc.cluster.local"
	for _, file := range []string{"monitoring/scrapeconfig.yaml", "monitoring/prometheus.yaml"} {
		if content, err := os.ReadFile(file); err != nil || !strings.Contains(string(content), "targets: ["+target+"]") {
			t.Errorf("%s does not scrape %s (%v)", file, target, err)
		}
	}
}

// keyHolders maps each domain to the domains whose keys its functions may hold. A function gets no
// keys of other domains and no secrets that it does not declare.
var keyHolders = map[string]string{
	"users": "user-management-secret", "platform": "user-management-secret",
	"datasets": "data-management-secret", "analytics": "data-management-secret",
}

func TestPods_Secrets_AreThoseThatTheFunctionDeclares(t *testing.T) {
	t.Parallel()
	declared := map[string]function.Declaration{}
	for _, d := range functions.Catalog {
		for _, name := range d.Services() {
			declared[name] = d
		}
	}
	for _, s := range of[*serving.Service](render(t, "base")) {
		spec := s.Spec.Template.Spec
		container, component := spec.Containers[0], s.Spec.Template.Labels["app.kubernetes.io/component"]
		var want, got []string
		for _, use := range declared[s.Name].Reaches() {
			for _, setting := range use.Settings {
				want = append(want, setting.Name)
			}
		}
		for _, env := range container.Env {
			got = append(got, env.Name)
			if from := env.ValueFrom.SecretKeyRef; env.Name == "KEY_ENCRYPTION_KEY_URL" && from.Name != keyHolders[component] {
				t.Errorf("%s of %s has the keys of %s", s.Name, component, from.Name)
			}
		}
		slices.Sort(want)
		wantSame(t, "secrets of "+s.Name, slices.Compact(want), got)
		for _, from := range container.EnvFrom {
			if from.SecretRef != nil {
				t.Errorf("%s gets a whole secret, %s", s.Name, from.SecretRef.Name)
			}
		}
		if spec.ServiceAccountName != component {
			t.Errorf("%s of %s runs as %s", s.Name, component, spec.ServiceAccountName)
		}
	}
}

func TestNetwork_Default_DeniesEverything(t *testing.T) {
	t.Parallel()
	for _, p := range of[*network.NetworkPolicy](render(t, "base")) {
		selectsAll := len(p.Spec.PodSelector.MatchLabels)+len(p.Spec.PodSelector.MatchExpressions) == 0
		if selectsAll && len(p.Spec.Ingress)+len(p.Spec.Egress) == 0 && len(p.Spec.PolicyTypes) == 2 {
			return
		}
	}
	t.Error("no policy denies everything")
}

func TestManifests_EachOperation_HasARoute(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, r := range function.Routes(functions.Catalog) {
		path := segment.ReplaceAllString(r.Path, "[^/]+")
		want = append(want, r.Method+" "+path+" to "+r.Service+".aic-data.svc.cluster.local")
	}
	for _, route := range of[*gateway.HTTPRoute](render(t, "routes")) {
		rule := route.Spec.Rules[0]
		if len(route.Spec.Rules) != 1 || len(rule.Filters) != 1 || len(rule.BackendRefs) != 1 || len(route.Spec.ParentRefs) != 1 {
			t.Fatalf("route %s: %+v", route.Name, route.Spec)
		}
		regular := false
		for _, m := range rule.Matches {
			if m.Path == nil { // signed requests to any path
				if len(m.Headers)+len(m.QueryParams) != 1 {
					t.Errorf("route %s takes every request", route.Name)
				}
				continue
			}
			path := *m.Path.Value
			if *m.Path.Type == gateway.PathMatchRegularExpression {
				regular = true
				path = strings.ReplaceAll(path, `\`, "")
			} else if regular {
				t.Errorf("route %s: an exact path after a regular expression", route.Name)
			}
			got = append(got, string(*m.Method)+" "+path+" to "+string(*rule.Filters[0].URLRewrite.Hostname))
		}
	}
	wantSame(t, "routes", want, got)
}

func TestManifests_EachSubscriptionAndSchedule_HasATriggerOrPingSource(t *testing.T) {
	t.Parallel()
	resources := render(t, "../eventing/overlays/local")
	var want, got []string
	for _, d := range functions.Catalog {
		for _, eventType := range d.Subscriptions {
			want = append(want, d.Name+" on "+eventType)
		}
		if d.Schedule != nil {
			want = append(want, d.Name+" at "+d.Schedule.Cron)
		}
	}
	for _, tr := range of[*eventing.Trigger](resources) {
		got = append(got, tr.Spec.Subscriber.Ref.Name+" on "+tr.Spec.Filter.Attributes["type"])
		if d := tr.Spec.Delivery; d == nil || d.Retry == nil || d.DeadLetterSink == nil || d.DeadLetterSink.Ref.Name != "platform-dead-letters" {
			t.Errorf("trigger %s has no retries or no dead letters", tr.Name)
		}
	}
	for _, s := range of[*sources.PingSource](resources) {
		got = append(got, s.Spec.Sink.Ref.Name+" at "+s.Spec.Schedule)
	}
	wantSame(t, "eventing", want, got)
}
