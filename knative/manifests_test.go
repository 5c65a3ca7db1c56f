package knative_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	eventing "knative.dev/eventing/pkg/apis/eventing/v1"
	sources "knative.dev/eventing/pkg/apis/sources/v1"
	"knative.dev/pkg/apis"
	serving "knative.dev/serving/pkg/apis/serving/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"function/functions"
)

// validatable is what every Knative type is.
type validatable interface {
	apis.Defaultable
	apis.Validatable
}

// render runs Kustomize over a folder and returns its resources by kind and name.
func render(t *testing.T, folder string) map[string]map[string][]byte {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string][]byte{}
	for _, r := range rendered.Resources() {
		content, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		if found[r.GetKind()] == nil {
			found[r.GetKind()] = map[string][]byte{}
		}
		found[r.GetKind()][r.GetName()] = content
	}
	return found
}

func validate[T validatable](t *testing.T, manifests map[string][]byte, empty func() T) map[string]T {
	t.Helper()
	valid := map[string]T{}
	for name, content := range manifests {
		v := empty()
		if err := yaml.UnmarshalStrict(content, v); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ctx := apis.WithinCreate(context.Background())
		v.SetDefaults(ctx)
		if err := v.Validate(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		valid[name] = v
	}
	return valid
}

func TestEachFunctionIsAServiceThatKnativeAccepts(t *testing.T) {
	t.Parallel()
	manifests := render(t, "base")
	services := validate(t, manifests["Service"], func() *serving.Service { return &serving.Service{} })

	var want, got []string
	for _, d := range functions.Catalog {
		want = append(want, d.Name)
	}
	for name, s := range services {
		got = append(got, name)
		spec := s.Spec.Template.Spec
		if s.Namespace != "aic-data" || s.Spec.Template.Annotations["autoscaling.knative.dev/min-scale"] != "0" {
			t.Errorf("%s: namespace %q, annotations %v", name, s.Namespace, s.Spec.Template.Annotations)
		}
		if c := spec.Containers[0]; c.Image == "" || c.ReadinessProbe == nil || c.SecurityContext == nil || !*c.SecurityContext.RunAsNonRoot {
			t.Errorf("%s lacks an image, a probe or a security context", name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("services and catalog differ (-catalog +services):\n%s", diff)
	}
}

func TestEachSubscriptionIsATriggerAndEachScheduleAPingSource(t *testing.T) {
	t.Parallel()
	manifests := render(t, "../eventing/base")
	triggers := validate(t, manifests["Trigger"], func() *eventing.Trigger { return &eventing.Trigger{} })
	schedules := validate(t, manifests["PingSource"], func() *sources.PingSource { return &sources.PingSource{} })
	validate(t, manifests["Broker"], func() *eventing.Broker { return &eventing.Broker{} })

	var want, got []string
	for _, d := range functions.Catalog {
		for _, eventType := range d.Subscriptions {
			want = append(want, d.Name+" on "+eventType)
		}
		if d.Schedule != nil {
			want = append(want, d.Name+" at "+d.Schedule.Cron)
		}
	}
	for name, tr := range triggers {
		got = append(got, tr.Spec.Subscriber.Ref.Name+" on "+tr.Spec.Filter.Attributes["type"])
		if d := tr.Spec.Delivery; d == nil || d.Retry == nil || d.DeadLetterSink == nil || d.DeadLetterSink.Ref.Name != "platform-dead-letters" {
			t.Errorf("trigger %s has no retries or no dead letters", name)
		}
	}
	for _, s := range schedules {
		got = append(got, s.Spec.Sink.Ref.Name+" at "+s.Spec.Schedule)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("eventing and catalog differ (-catalog +manifests):\n%s", diff)
	}
}
