// Package docs_test checks the documentation against the code.
package docs_test

import (
	"bufio"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// requirements lists the requirements of ASVS 5.0, V6 to V10, levels 1 and 2.
const requirements = `6.1.1 6.1.2 6.1.3 6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.6 6.2.7 6.2.8 6.2.9 6.2.10 6.2.11 6.2.12
6.3.1 6.3.2 6.3.3 6.3.4 6.4.1 6.4.2 6.4.3 6.4.4 6.5.1 6.5.2 6.5.3 6.5.4 6.5.5 6.6.1 6.6.2 6.6.3 6.8.1 6.8.2 6.8.3 6.8.4
7.1.1 7.1.2 7.1.3 7.2.1 7.2.2 7.2.3 7.2.4 7.3.1 7.3.2 7.4.1 7.4.2 7.4.3 7.4.4 7.4.5 7.5.1 7.5.2 7.6.1 7.6.2
8.1.1 8.1.2 8.2.1 8.2.2 8.2.3 8.3.1 8.4.1 9.1.1 9.1.2 9.1.3 9.2.1 9.2.2 9.2.3 9.2.4
10.1.1 10.1.2 10.2.1 10.2.2 10.3.1 10.3.2 10.3.3 10.3.4 10.4.1 10.4.2 10.4.3 10.4.4 10.4.5 10.4.6 10.4.7 10.4.8 10.4.9
10.4.10 10.4.11 10.5.1 10.5.2 10.5.3 10.5.4 10.5.5 10.6.1 10.6.2 10.7.1 10.7.2 10.7.3`

var row = regexp.MustCompile(`(?m)^\| (\d+\.\d+\.\d+) \| (.+?) \| (Test\w+)? ?\|$`)

func TestASVS_EveryRequirement_NamesTestOrReason(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("asvs.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, found := allTests(t), []string{}
	for _, r := range row.FindAllStringSubmatch(string(content), -1) {
		number, how, test := r[1], r[2], r[3]
		found = append(found, number)
		if test == "" && !strings.HasPrefix(how, "n/a: ") {
			t.Errorf("%s names neither a test nor a reason why it does not apply", number)
		}
		if test != "" && !tests[test] {
			t.Errorf("%s names %s, which is not a test", number, test)
		}
	}
	if want := strings.Fields(requirements); !slices.Equal(found, want) {
		t.Errorf("the rows are %v, want %v", found, want)
	}
}

var declaration = regexp.MustCompile(`^func (Test\w+)\(t \*testing\.T\)`)

func allTests(t *testing.T) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	err := fs.WalkDir(os.DirFS(".."), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := os.Open("../" + path)
		if err != nil {
			return err
		}
		defer file.Close()
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			if d := declaration.FindStringSubmatch(lines.Text()); d != nil {
				tests[d[1]] = true
			}
		}
		return lines.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}
