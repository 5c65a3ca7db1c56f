package migrate_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Events that a migration writes are delivered by the current Triggers, whose types end in a
// version.
func TestMigrations_WrittenEvents_HaveVersions(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("migrations/*/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	written, versioned := regexp.MustCompile(`'type', '([^']+)'`), regexp.MustCompile(`\.v[0-9]+$`)
	found := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range written.FindAllStringSubmatch(string(content), -1) {
			if found++; !versioned.MatchString(match[1]) {
				t.Errorf("%s writes an event of the type %s, which nothing subscribes to", file, match[1])
			}
		}
	}
	if found < 2 {
		t.Errorf("%d events are written by migrations, want the jobs of data sets and of reports", found)
	}
}
