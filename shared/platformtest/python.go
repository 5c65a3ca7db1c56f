package platformtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Python returns a Python that has what scripts/python-clients.txt lists. If there is none, the test fails in CI and is
// skipped elsewhere.
func Python(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "python-clients-3")
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return filepath.Join(dir, "bin", "python")
	}
	if os.Getenv("CI") != "" {
		t.Fatal("tests need Python packages (scripts/python-clients.txt): scripts/setup.sh --test installs them")
	}
	t.Skip("CLIENTS WRITTEN IN PYTHON ARE NOT TESTED: scripts/setup.sh --test installs them, if there is Python with venv and pip")
	return ""
}
