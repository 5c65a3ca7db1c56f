package orcfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"function/shared/ingest/invalid"
)

// convertTo returns the sentence of a refusal, which is empty for a file that was converted.
func convertTo(t testing.TB, content []byte, to string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Convert(t.Context(), path, to, func(int64) {})
	var refused *invalid.Error
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("got %v, want none or an invalid.Error", err)
	}
	if err != nil {
		return refused.Detail
	}
	return ""
}
