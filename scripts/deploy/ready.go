package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
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

// interval is how long to wait before asking again.
const interval = time.Second

// await asks until done says yes, for as long as a step may take.
func (d *deployment) await(ctx context.Context, done func(context.Context) (bool, error)) error {
	for until := time.Now().Add(d.timeout); ; {
		if ok, err := done(ctx); ok || err != nil {
			return err
		}
		if !time.Now().Before(until) {
			return fmt.Errorf("it took longer than %s", d.timeout)
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(interval):
		return nil
	}
}

// explain writes to the log why something is not ready, and returns the error that says so.
func (d *deployment) explain(ctx context.Context, in, kind, name, pods string, cause error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d.say("\n%s %s:", kind, name)
	d.diagnose(ctx, func(lines []string) []string {
		if status := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "Status:") }); status >= 0 {
			lines = lines[status:]
		}
		return last(lines, 40)
	}, "-n", in, "describe", kind, name)
	d.say("its pods:")
	d.diagnose(ctx, all, "-n", in, "get", "pods", "-l", pods, "-o", "wide")
	d.diagnose(ctx, func(lines []string) []string {
		return last(slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, name) }), 8)
	}, "-n", in, "get", "events", "--sort-by=.lastTimestamp")
	d.say("the last lines of their logs:")
	d.diagnose(ctx, all, "-n", in, "logs", "-l", pods, "--all-containers", "--tail=15", "--prefix")
	return fmt.Errorf("%s %s is not ready: %w", kind, name, cause)
}

// diagnose writes the lines of what kubectl prints that choose returns, or why it printed none.
func (d *deployment) diagnose(ctx context.Context, choose func([]string) []string, args ...string) {
	out, err := d.kubectl.run(ctx, nil, args...)
	if err != nil {
		d.say("%v", err)
		return
	}
	for _, line := range choose(strings.Split(string(bytes.TrimRight(out, "\n")), "\n")) {
		d.say("%s", line)
	}
}

func all(lines []string) []string { return lines }

func last(lines []string, n int) []string { return lines[max(0, len(lines)-n):] }
