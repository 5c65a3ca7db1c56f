package version

import (
	"strings"
	"testing"

	"function/shared/ingest/invalid"
)

func TestSentence_AnyText_CanBeStored(t *testing.T) {
	t.Parallel()
	got := Sentence(&invalid.Error{Detail: "a\x00b\xff" + strings.Repeat("é", 2000)})
	if !strings.HasPrefix(got, "a\ufffdb\ufffdé") || len(got) > 2010 || strings.ContainsRune(got[10:], '\ufffd') {
		t.Errorf("sentence of %d bytes: %.40q…", len(got), got)
	}
}
