package docs_test

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// section returns the part of a document under a heading, up to the next heading of the same level.
func section(t *testing.T, document, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(document, "\n"+heading+"\n")
	if !found {
		t.Fatalf("no heading %q", heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	own, _, _ := strings.Cut(rest, "\n"+level+" ")
	return own
}

var (
	firstCell = regexp.MustCompile("(?m)^\\| `([^`]+)`")
	fileName  = regexp.MustCompile("`((?:functions|shared|eventing|knative|scripts|testdata|docs)/[^`\\s*{}…<>]*)`")
	link      = regexp.MustCompile(`\]\(([^)]+)\)`)
)

func firstCells(text string) (cells []string) {
	for _, found := range firstCell.FindAllStringSubmatch(text, -1) {
		cells = append(cells, found[1])
	}
	return cells
}

// documents returns the file names of all documentation.
func documents(t *testing.T) []string {
	t.Helper()
	names := []string{}
	for _, pattern := range []string{"*.md", "../*.md", "decisions/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	return names
}

func TestDocuments_NamedFiles_Exist(t *testing.T) {
	t.Parallel()
	for _, name := range documents(t) {
		for _, found := range fileName.FindAllStringSubmatch(read(t, name), -1) {
			file := found[1]
			if file == "functions/datasets/count/count.go" {
				continue // the README's example
			}
			if _, err := os.Stat(filepath.Join("..", file)); err != nil {
				t.Errorf("%s names %s: %v", name, file, err)
			}
		}
	}
}

func TestDocuments_Links_HaveTargets(t *testing.T) {
	t.Parallel()
	for _, name := range documents(t) {
		for _, found := range link.FindAllStringSubmatch(read(t, name), -1) {
			if strings.Contains(found[1], "://") || strings.HasPrefix(found[1], "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(found[1], "#")
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", name, found[1], err)
			} else if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s links to %s, which has no such heading", name, found[1])
			}
		}
	}
}

// anchors returns the anchors that GitHub generates for the headings.
func anchors(document string) (all []string) {
	for line := range strings.Lines(document) {
		if level, title, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.Trim(level, "#") == "" {
			title = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(title), "")
			all = append(all, strings.ReplaceAll(title, " ", "-"))
		}
	}
	return all
}

var (
	createTable = regexp.MustCompile(`(?m)^CREATE (?:UNLOGGED )?TABLE ([a-z0-9_.]+)`)
	dropTable   = regexp.MustCompile(`(?m)^DROP TABLE ([a-z0-9_.]+)`)
)

func TestArchitecture_Tables_MatchMigrations(t *testing.T) {
	t.Parallel()
	document := section(t, read(t, "architecture.md"), "## Tables")
	for heading, folder := range map[string]string{
		"### Every database": "every", "### user_management_db": "users", "### data_management_db": "datasets", "### analytics_db": "analytics",
	} {
		tables := map[string]bool{}
		migrations := os.DirFS("../shared/database/migrate/migrations/" + folder)
		files, err := fs.Glob(migrations, "*.sql")
		if err != nil || len(files) == 0 {
			t.Fatalf("no migrations of %s: %v", folder, err)
		}
		for _, file := range files { // sorted by version
			sql, err := fs.ReadFile(migrations, file)
			if err != nil {
				t.Fatal(err)
			}
			for _, created := range createTable.FindAllStringSubmatch(string(sql), -1) {
				tables[created[1]] = true
			}
			for _, dropped := range dropTable.FindAllStringSubmatch(string(sql), -1) {
				delete(tables, dropped[1])
			}
		}
		want, got := slices.Sorted(maps.Keys(tables)), firstCells(section(t, document, heading))
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-migrations +document):\n%s", heading, diff)
		}
	}
}
