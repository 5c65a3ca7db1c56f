package functions_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// newFunction is what the README says to write.
type newFunction struct {
	path, source  string // of the function's only file
	contents      string // the file that lists the domain's functions
	line          string // to add to contents
	row           string // to add to the matrix
	operation     string
	method, route string
}

var (
	step1     = regexp.MustCompile("(?s)`(functions/\\S+\\.go)`:\n```go\n(.*?)```")
	step2     = regexp.MustCompile("`([a-z]+\\.Service,)`[^`]*\\[(functions/\\S+\\.go)\\]")
	step4     = regexp.MustCompile("(?s)\\[functions/matrix_test\\.go\\][^`]*`([^`]*)`")
	operation = regexp.MustCompile(`function\.(Get|Post|Put|Patch|Delete)\("([^"]*)", "([^"]*)"`)
)

func readNewFunction(t *testing.T) newFunction {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "## Add a function")
	file, line, row := step1.FindStringSubmatch(section), step2.FindStringSubmatch(section), step4.FindStringSubmatch(section)
	if !found || file == nil || line == nil || row == nil {
		t.Fatalf("the README does not say how to add a function: file %t, line %t, row %t", file != nil, line != nil, row != nil)
	}
	o := operation.FindStringSubmatch(file[2])
	if o == nil {
		t.Fatalf("no operation in\n%s", file[2])
	}
	return newFunction{
		path: file[1], source: file[2], line: line[1], contents: line[2], row: row[1],
		method: strings.ToUpper(o[1]), operation: o[2], route: o[3],
	}
}

// calls is a test of the new function: every role of the matrix gets a response, the others are
// refused.
const calls = `package %[1]s_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"function/%[2]s"
	"function/shared/platformtest"
	"function/shared/policy"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

func TestNewFunction(t *testing.T) {
	p := platformtest.New(t, %[1]s.Service)
	allowed := strings.Fields(%[3]q)[1:]
	for _, role := range policy.BuiltIn() {
		want := http.StatusForbidden
		if slices.Contains(allowed, role) {
			want = http.StatusOK
		}
		answer := p.Do(p.Login(role).Token, %[4]q, %[5]q, nil).Want(t, want)
		t.Logf("%%s: %%s", role, answer.Body)
	}
	p.Do("", %[4]q, %[5]q, nil).Want(t, http.StatusUnauthorized)
}
`

func TestNewFunction_FollowingTheREADME_IsGeneratedAndResponds(t *testing.T) {
	t.Parallel()
	n := readNewFunction(t)
	if lines := len(slices.DeleteFunc(strings.Split(n.source, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })); lines >= 30 {
		t.Errorf("the README's function has %d lines, want under 30", lines)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	folder := filepath.Dir(n.path)
	replaced := map[string]string{}
	overlay := func(path, content string) {
		copied := filepath.Join(dir, fmt.Sprintf("%d.go", len(replaced)))
		if err := os.WriteFile(copied, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		replaced[filepath.Join(root, path)] = copied
	}
	overlay(n.path, n.source)
	overlay(folder+"/new_test.go", fmt.Sprintf(calls, filepath.Base(folder), folder, n.row, n.method, n.route))
	table, err := os.ReadFile(filepath.Join(root, n.contents))
	if err != nil {
		t.Fatal(err)
	}
	withImport := strings.Replace(string(table), "import (\n", "import (\n\t\"function/"+folder+"\"\n", 1)
	overlay(n.contents, strings.Replace(withImport, "var Functions = []function.Declaration{\n", "var Functions = []function.Declaration{\n\t"+n.line+"\n", 1))
	index, err := json.Marshal(map[string]any{"Replace": replaced})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), index, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}

	build(t, dir, "build", "./scripts/generate")
	build(t, dir, "test", "./"+folder, "-c", "-vet=off") // vet looks for the folder on disk
	generate(t, root, dir, n)
	run(t, dir, "./test", "-test.v")
}

// build builds a program of the module, including the new function, at dir/name.
func build(t *testing.T, dir, command, pkg string, flags ...string) {
	t.Helper()
	arguments := append([]string{command, "-overlay", filepath.Join(dir, "overlay.json"), "-o", filepath.Join(dir, command)}, flags...)
	if raced() {
		arguments = append(arguments, "-race") // reuses what the surrounding tests have compiled
	}
	run(t, "..", "go", append(arguments, pkg)...)
}

func raced() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// generate does what make generate does, in a separate folder.
func generate(t *testing.T, root, dir string, n newFunction) {
	t.Helper()
	for _, folder := range []string{"knative/monitoring", "eventing/base", "functions/platform/gateway"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	rules, err := os.ReadFile(filepath.Join(root, "knative/monitoring/rules.yaml"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "knative/monitoring/rules.yaml"), rules, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	run(t, dir, "./build")
	for path, want := range map[string]string{
		"knative/base/services/" + n.operation + ".yaml": "name: " + n.operation,
		"knative/openapi.yaml":                           n.route + ":",
		"functions/platform/gateway/routes.go":           n.route,
	} {
		if content, err := os.ReadFile(filepath.Join(dir, path)); err != nil || !strings.Contains(string(content), want) {
			t.Errorf("%s does not hold %q (%v)", path, want, err)
		}
	}
}

func run(t *testing.T, dir, name string, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, arguments...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, arguments, err, out)
	}
	t.Logf("%s", out)
}
