package functions_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"function/functions"
)

// pkg is a package in the output of go list.
type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	command.Dir = ".."
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for decoder := json.NewDecoder(out); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}

const root = "function/functions"

// layer returns the domain and the function in a package's path: functions/<domain>/<function>/….
func layer(importPath string) (domain, function string) {
	rest, ok := strings.CutPrefix(importPath, root+"/")
	if !ok {
		return "", ""
	}
	domain, rest, _ = strings.Cut(rest, "/")
	function, _, _ = strings.Cut(rest, "/")
	return domain, function
}

// wrong returns why a package must not import another, or an empty string.
func wrong(from, to string) string {
	if !strings.HasPrefix(to, "function/") {
		return ""
	}
	if strings.HasPrefix(from, "function/shared/") && !strings.HasPrefix(to, "function/shared/") {
		return "shared packages know nothing of functions"
	}
	fromDomain, fromFunction := layer(from)
	toDomain, toFunction := layer(to)
	switch {
	case fromDomain == "" || toDomain == "" && to != root:
		return ""
	case to == root:
		return "only commands know the catalog"
	case strings.HasSuffix(from, "test"):
		return ""
	case fromDomain != toDomain:
		return "domains meet only through events and token claims"
	case strings.HasSuffix(to, "test"):
		return "test helpers are for tests"
	case fromFunction == "" || toFunction == "internal" || fromFunction == toFunction:
		return ""
	case toFunction == "":
		return "only the catalog knows a domain's table of contents"
	default:
		return "what two functions need belongs in the domain's internal packages"
	}
}

func TestImports_FollowTheLayers(t *testing.T) {
	t.Parallel()
	all := packages(t)
	if len(all) < 20 {
		t.Fatalf("%d packages found", len(all))
	}
	for _, p := range all {
		for _, imported := range p.Imports {
			if reason := wrong(p.ImportPath, imported); reason != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, reason)
			}
		}
	}
}

func TestImports_Wrong_AreFound(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		from, to string
		allowed  bool
	}{
		{root, root + "/users/login", true},
		{root + "/users", root + "/users/login", true},
		{root + "/users/login", root + "/users/internal/session", true},
		{root + "/users/internal/session", root + "/users/internal/store", true},
		{root + "/users/login", "function/shared/auth", true},
		{root + "/users/login", "github.com/google/uuid", true},
		{root + "/users/userstest", root + "/users/login", true},
		{"function/knative/serve", root, true},
		{root + "/users/login", root + "/users/userstest", false},
		{root + "/users/login", root + "/users/logout", false},
		{root + "/users/login", root + "/users", false},
		{root + "/users/internal/session", root + "/users/login", false},
		{root + "/users/internal/session", root + "/datasets/internal/version", false},
		{root + "/users/login", root + "/datasets", false},
		{root + "/users", root + "/datasets", false},
		{root + "/users/login", root, false},
		{"function/shared/auth", root + "/users", false},
		{"function/shared/auth", root, false},
		{"function/shared/auth", "function/knative", false},
	} {
		if got := wrong(test.from, test.to); (got == "") != test.allowed {
			t.Errorf("%s imports %s: %q", test.from, test.to, got)
		}
	}
}

// folders returns the folders that declare a function.
func folders(t *testing.T) []string {
	t.Helper()
	declaration := regexp.MustCompile(`(?m)^var Service = `)
	var names []string
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(file) != ".go" {
			return err
		}
		source, err := os.ReadFile(file)
		if declaration.Match(source) {
			names = append(names, path.Dir(filepath.ToSlash(file)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func TestCatalog_EveryFunction_IsNamedAfterItsFolder(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, folder := range folders(t) {
		want = append(want, strings.ReplaceAll(folder, "/", "-"))
	}
	for _, d := range functions.Catalog {
		got = append(got, d.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("the folder of %s is not in the catalog", name)
		}
	}
	for i, name := range got {
		if !slices.Contains(want, name) {
			t.Errorf("%s has no folder", name)
		}
		if i > 0 && got[i-1] == name {
			t.Errorf("%s is in the catalog twice", name)
		}
	}
}

func TestCatalog_EveryFunction_HasItsOwnTrigger(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	sinks := 0
	for _, d := range functions.Catalog {
		if len(d.Operations)+len(d.Subscriptions) == 0 && d.Schedule == nil && !d.DeadLetterSink && !d.Requests && !d.Signed {
			t.Errorf("nothing wakes %s", d.Name)
		}
		if d.DeadLetterSink {
			sinks++
		}
		domain, _, _ := strings.Cut(d.Name, "-")
		for _, o := range d.Operations {
			route := o.Method + " " + regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(o.Path, "{}")
			for _, name := range []string{route, o.OperationID} {
				if seen[name] != "" {
					t.Errorf("%s and %s both have %s", seen[name], d.Name, name)
				}
				seen[name] = d.Name
			}
			if !strings.HasPrefix(o.OperationID, domain+"-") || len(o.Tags) != 1 || o.Summary == "" {
				t.Errorf("%s: operation %s lacks its domain's name, its tag or a summary", d.Name, o.OperationID)
			}
		}
	}
	if sinks != 1 {
		t.Errorf("%d dead-letter sinks, want 1", sinks)
	}
}
