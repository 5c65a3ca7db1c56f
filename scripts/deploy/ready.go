package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// resource is what is read of a Knative resource.
type resource struct {
	Kind       string
	APIVersion string
	Metadata   struct {
		Name       string
		Generation int64
	}
	Status struct {
		ObservedGeneration int64
		Conditions         []condition
	}
}

// state is what the controller says of the generation that was applied last: "True" when
// it is ready, "" before it says anything.
func (r resource) state() string {
	if r.Status.ObservedGeneration != r.Metadata.Generation {
		return ""
	}
	for _, c := range r.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status
		}
	}
	return ""
}

// fullKind tells kubectl the kind exactly: Service.v1.serving.knative.dev.
func (r resource) fullKind() string {
	group, version, found := strings.Cut(r.APIVersion, "/")
	if !found {
		return r.Kind
	}
	return r.Kind + "." + version + "." + group
}

// awaitReady waits for all resources of the kinds that a selector selects, and says how
// many are ready whenever that changes.
func (d *deployment) awaitReady(ctx context.Context, kinds, selector string) error {
	var waiting []resource
	shown := ""
	err := d.await(ctx, func(ctx context.Context) (bool, error) {
		var list struct{ Items []resource }
		if _, err := d.kubectl.get(ctx, &list, "-n", namespace, kinds, "-l", selector); err != nil {
			return false, err
		}
		if len(list.Items) == 0 {
			return false, errNone
		}
		waiting = nil
		for _, r := range list.Items {
			if r.state() != "True" {
				waiting = append(waiting, r)
			}
		}
		if count := fmt.Sprintf("%d/%d", len(list.Items)-len(waiting), len(list.Items)); count != shown {
			shown = count
			d.say("  %s ready", count)
		}
		return len(waiting) == 0, nil
	})
	if errors.Is(err, errNone) {
		return fmt.Errorf("there are no %s with %s in %s: run scripts/deploy-data-services.sh services", kinds, selector, namespace)
	}
	if err == nil || len(waiting) == 0 {
		return err
	}
	for _, r := range waiting {
		d.say("not ready: %s %s %s", r.Kind, r.Metadata.Name, r.state())
	}
	first := waiting[0]
	return d.explain(ctx, namespace, first.fullKind(), first.Metadata.Name, "serving.knative.dev/service="+first.Metadata.Name, err)
}

var errNone = errors.New("there are none")
