//go:build e2e

package e2e

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rounds is how often each function is started.
func rounds(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv("E2E_ROUNDS"), "10"))
	if err != nil || n < 1 {
		t.Fatalf("E2E_ROUNDS=%s is not a number of rounds", os.Getenv("E2E_ROUNDS"))
	}
	return n
}

// coldStart holds the times of one first request to a function at zero.
type coldStart struct {
	asked     time.Time
	scheduled time.Time // the pod was bound to a node
	started   time.Time // the function's container was started
	listening time.Time // our process accepts connections
	answered  time.Time
}

// shares are the parts of a cold start, in order.
var shares = []struct {
	name string
	of   func(coldStart) time.Duration
}{
	{"whole", func(c coldStart) time.Duration { return c.answered.Sub(c.asked) }},
	{"scaling and scheduling", func(c coldStart) time.Duration { return c.scheduled.Sub(c.asked) }},
	{"sandbox and containers", func(c coldStart) time.Duration { return c.started.Sub(c.scheduled) }},
	{"our process", func(c coldStart) time.Duration { return c.listening.Sub(c.started) }},
	{"readiness and request", func(c coldStart) time.Duration { return c.answered.Sub(c.listening) }},
}

// testColdStarts starts every function several times, one at a time in rounds, so that each can
// scale to zero again.
func testColdStarts(t *testing.T) {
	names := functions(t)
	tasks := containerStarts(t)
	bindings := watch(t, pods)
	seen := map[string][]coldStart{}
	for range rounds(t) {
		for _, name := range names {
			awaitZero(t, name)
			seen[name] = append(seen[name], wakeFromZero(t, name, bindings, tasks))
		}
	}
	var every []coldStart
	for _, name := range names {
		every = append(every, seen[name]...)
		whole, process := durations(seen[name], shares[0].of), durations(seen[name], shares[3].of)
		figure("cold start "+name, "%v, worst %v; our process %v", median(whole), slices.Max(whole), median(process))
	}
	for _, s := range shares {
		all := durations(every, s.of)
		figure("cold start, "+s.name, "%v, worst %v", median(all), slices.Max(all))
	}
	whole, own := median(durations(every, shares[0].of)), median(durations(every, shares[3].of))
	figure("cold start, our process of the whole", "%.1f%%", 100*own.Seconds()/whole.Seconds())
}

func wakeFromZero(t *testing.T, name string, bindings <-chan observation, tasks <-chan containerStart) coldStart {
	t.Helper()
	c := coldStart{asked: time.Now()}
	wake(t, name)
	c.answered = time.Now()
	for c.scheduled.IsZero() || c.started.IsZero() {
		select {
		case o := <-bindings:
			if o.Object.Metadata.service() == name && o.Object.Spec.NodeName != "" && o.At.After(c.asked) && c.scheduled.IsZero() &&
				o.Object.Metadata.DeletionTimestamp == "" && !o.Object.is("Ready") {
				c.scheduled = o.At
			}
		case s := <-tasks:
			if s.service == name && s.at.After(c.asked) {
				c.started, c.listening = s.at, s.listening
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s answered, but no start of a pod was seen: %+v", name, c)
		}
	}
	return c
}

func durations(all []coldStart, of func(coldStart) time.Duration) []time.Duration {
	ds := make([]time.Duration, len(all))
	for i, c := range all {
		ds[i] = of(c).Round(time.Millisecond)
	}
	return ds
}

func median(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	return ds[len(ds)/2]
}

// containerStart is the start of a function's own container.
type containerStart struct {
	service       string
	at, listening time.Time
}

// containerStarts follows containerd's events about started containers.
func containerStarts(t *testing.T) <-chan containerStart {
	t.Helper()
	command := exec.Command("ctr", "events")
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
	starts := make(chan containerStart, 1000)
	go func() {
		for lines := bufio.NewScanner(output); lines.Scan(); {
			at, pid, ok := taskStart(lines.Text())
			if !ok {
				continue
			}
			go func() {
				if service := serviceOf(pid); service != "" {
					starts <- containerStart{service, at, awaitListener(pid)}
				}
			}()
		}
	}()
	return starts
}

// taskStart parses a line of ctr events: time, namespace, topic, JSON.
func taskStart(line string) (at time.Time, pid int, ok bool) {
	before, after, ok := strings.Cut(line, " k8s.io /tasks/start ")
	if !ok {
		return at, 0, false
	}
	var task struct{ PID int }
	at, err := time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", before)
	if err != nil || json.Unmarshal([]byte(after), &task) != nil {
		return at, 0, false
	}
	return at, task.PID, true
}

// serviceOf returns the function that a process serves, from its environment. The runtime's first
// process becomes the function's within a moment.
func serviceOf(pid int) string {
	for range 5000 {
		environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil {
			return ""
		}
		for variable := range strings.SplitSeq(string(environment), "\x00") {
			if service, ok := strings.CutPrefix(variable, "K_SERVICE="); ok {
				return service
			}
		}
		time.Sleep(time.Millisecond)
	}
	return ""
}

// awaitListener waits until a process listens on port 8080 in a process's network namespace.
func awaitListener(pid int) time.Time {
	const listening = ":1F90 00000000000000000000000000000000:0000 0A"
	for range 10_000 {
		sockets, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp6", pid))
		if err != nil {
			return time.Time{}
		}
		if strings.Contains(string(sockets), listening) {
			return time.Now()
		}
		time.Sleep(time.Millisecond)
	}
	return time.Time{}
}
