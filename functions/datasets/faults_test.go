package datasets_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/datasets/dispose"
	"function/shared/retention/retentiontest"
)

// fault is what disturbs every step of a story, and the deliveries of its events.
type fault struct {
	breaks func(*story)
	order  func([]delivery) []delivery
	late   bool // events are delivered after all steps
	again  bool // all events are delivered once more at the end
}

func inOrder(d []delivery) []delivery { return d }

func newestFirst(d []delivery) []delivery {
	d = slices.Clone(d)
	slices.Reverse(d)
	return d
}

func twice(d []delivery) []delivery {
	var doubled []delivery
	for _, one := range d {
		doubled = append(doubled, one, one)
	}
	return doubled
}

func primary(f storeFault) func(*story) { return func(s *story) { s.primary.breakBy(f) } }
func backup(f storeFault) func(*story)  { return func(s *story) { s.backup.breakBy(f) } }

var faults = map[string]fault{
	"none":                     {},
	"events twice at once":     {order: twice},
	"newest event first":       {order: newestFirst, late: true},
	"late events twice":        {order: func(d []delivery) []delivery { return twice(newestFirst(d)) }, late: true},
	"all events again":         {again: true},
	"store away":               {breaks: primary(cutConnection)},
	"store answers 503":        {breaks: primary(answerUnavailable)},
	"store full":               {breaks: primary(refuseWrites)},
	"store loses its answers":  {breaks: primary(loseAnswers)},
	"store tears its answers":  {breaks: primary(tearAnswers)},
	"store returns other data": {breaks: primary(falsifyAnswers)},
	"backup away":              {breaks: backup(cutConnection)},
	"backup full":              {breaks: backup(refuseWrites)},
	"backup loses its answers": {breaks: backup(loseAnswers)},
	"backup tears its answers": {breaks: backup(tearAnswers)},
	"backup returns others":    {breaks: backup(falsifyAnswers)},
	"both stores away":         {breaks: func(s *story) { s.primary.breakBy(cutConnection); s.backup.breakBy(cutConnection) }},
	"store hangs":              {breaks: func(s *story) { s.primary.breakBy(hang); s.patience = 2 * time.Second }},
	"store hangs at writes":    {breaks: primary(hangAtWrites)},
	"backup hangs at writes":   {breaks: backup(hangAtWrites)},
	"database away":            {breaks: func(s *story) { s.database.breakDown() }},
}

// Every step is tried while something is broken, and tried again afterwards. What is left at the end
// is what is left without faults: versions, rows, files, and no object that no version has.
func TestFaults_Ended_LeaveWhatAnUndisturbedRunLeaves(t *testing.T) {
	t.Parallel()
	want := run(t, fault{})
	if want.Datasets != 1 || len(want.Versions) != 2 || want.Copies != 4 {
		t.Fatalf("the undisturbed run leaves %+v", want)
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, run(t, f)); diff != "" {
				t.Errorf("what is left (-undisturbed +disturbed):\n%s", diff)
			}
		})
	}
}

func run(t *testing.T, f fault) end {
	t.Helper()
	if f.order == nil {
		f.order = inOrder
	}
	s := newStory(t)
	retentiontest.Learn(t, s.p, dispose.Service.Name, "datasets", map[uuid.UUID]int{uuid.Nil: 30})
	for _, step := range steps {
		done := false
		if f.breaks != nil {
			f.breaks(s)
			done = s.disturbed(step)
			if step.want == http.StatusCreated {
				s.attempt(f.order)
			}
			s.repair()
		}
		if !done {
			s.retry(step)
		}
		if f.breaks != nil && step.want == http.StatusCreated {
			f.breaks(s) // while the events are delivered
			s.attempt(f.order)
			s.repair()
		}
		if !f.late {
			s.settle(f.order)
		}
	}
	s.settle(f.order)
	if f.again {
		for _, d := range s.deliveries() {
			if r := s.deliver(d.function, d.event); r.status != http.StatusNoContent {
				t.Errorf("%s delivered again: status %d %s", d.id(), r.status, r.body)
			}
		}
		s.settle(f.order)
	}
	return s.end()
}

// retry does a step that is refused at first, as long as connections are left that have been cut.
func (s *story) retry(step step) {
	s.Helper()
	for range 10 {
		r := step.do(s)
		if r.status == step.want {
			return
		}
		if r.status != http.StatusServiceUnavailable {
			s.Fatalf("%s: status %d, want %d\n%s", step.name, r.status, step.want, r.body)
		}
	}
	s.Fatalf("%s is refused although nothing is broken", step.name)
}

func (s *story) repair() {
	s.primary.repair()
	s.backup.repair()
	s.database.repair()
	s.patience = time.Minute
}

// disturbed tries a step while something is broken, and reports whether it was done. A refusal must
// say that the caller may retry.
func (s *story) disturbed(step step) bool {
	s.Helper()
	r := step.do(s)
	switch {
	case r.status == step.want:
		if step.want == http.StatusOK && string(r.body) != firstFile {
			s.Errorf("%s returned %q", step.name, r.body)
		}
		return true
	case r.status == http.StatusServiceUnavailable && r.header.Get("Retry-After") != "":
	case r.status == 0 && step.want == http.StatusOK: // a download that ended early
	case r.status == 0 && s.patience < time.Minute:
	default:
		s.Errorf("%s while something is broken: status %d, Retry-After %q\n%s", step.name, r.status, r.header.Get("Retry-After"), r.body)
	}
	return false
}
