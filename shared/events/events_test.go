package events_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/events"
)

var update = flag.Bool("update", false, "write testdata/events.txt")

var all = []events.Event{
	events.ArchiveRequested{}, events.ConsentGiven{}, events.ConsentWithdrawn{}, events.DatasetCreated{}, events.DatasetDeleted{}, events.DatasetFailed{},
	events.DatasetHeld{}, events.DatasetReady{}, events.DatasetReleased{}, events.DatasetRetried{}, events.DatasetUndeleted{}, events.DatasetUploaded{}, events.DatasetVisibilityChanged{}, events.DatasetsRead{}, events.DeliveryFailed{}, events.DisposalRequested{}, events.Disposed{}, events.FreshnessMissed{}, events.ImportRequested{}, events.JobFailed{}, events.MailQueued{}, events.ProfileRequested{},
	events.MembershipApproved{}, events.MembershipChanged{}, events.MembershipEnded{}, events.NoticeRequested{}, events.OrganizationDeleted{},
	events.PasswordResetRequested{}, events.PoliciesChanged{}, events.PoliciesMissing{}, events.ProfileChanged{}, events.RecallRequested{},
	events.RegistrationRequested{}, events.ReplicationRequested{}, events.ReportDeleted{}, events.ReportRan{}, events.ReportRunRequested{}, events.SealRequested{}, events.UserErased{}, events.UserLoggedIn{}, events.UserRegistered{},
}

// The contract with subscribers. Changing a line requires a new version of the event (see v1).
func TestEvents_TypesAndShapesArePinned(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, e := range all {
		lines = append(lines, e.EventType()+"\n"+shape(reflect.TypeOf(e), "  "))
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n")
	const golden = "testdata/events.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("events (-want +got); if this is a new event or version, run go test ./shared/events -update:\n%s", diff)
	}
}

func TestEvents_TypesHaveVersions(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, e := range all {
		name := e.EventType()
		if !regexp.MustCompile(`^com\.appliedinnovationcorp\.data\.[a-z]+\.[a-z_]+\.v[1-9][0-9]*$`).MatchString(name) || seen[name] {
			t.Errorf("%T has the type %q, want one of its own with its domain and version", e, name)
		}
		seen[name] = true
	}
}

func TestEvents_AllAreListed(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	for _, e := range all {
		listed[reflect.TypeOf(e).Name()] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "EventType" {
				continue
			}
			if name := fmt.Sprint(f.Recv.List[0].Type); !listed[name] {
				t.Errorf("%s: %s is not in the list of this test", file, name)
			}
		}
	}
}

// shape returns the JSON fields of a type, one per line.
func shape(t reflect.Type, indent string) string {
	var b strings.Builder
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		fmt.Fprintf(&b, "%s%s %s\n", indent, f.Tag.Get("json"), f.Type)
		if e := f.Type; e.Kind() == reflect.Slice && e.Elem().Kind() == reflect.Struct {
			b.WriteString(shape(e.Elem(), indent+"  "))
		}
	}
	return b.String()
}
