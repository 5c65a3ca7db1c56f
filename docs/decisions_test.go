package docs_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var decision = regexp.MustCompile(`^# (\d{4})\. (.+)\n\n- Date: (\d{4}-\d\d-\d\d)\n- Status: (accepted|superseded by \d{4})\n\n## Context\n\n(?s:.+)\n\n## Decision\n\n(?s:.+)\n\n## Consequences\n\n(?s:.+)\n$`)

func TestDecisions_NumbersFormAndIndex_AreConsistent(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("decisions/[0-9]*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no decisions: %v", err)
	}
	index := read(t, "decisions/README.md")
	if rows := strings.Count(index, "\n| ["); rows != len(files) {
		t.Errorf("the index has %d rows, want one for each of %d decisions", rows, len(files))
	}
	for i, file := range files {
		name, number := filepath.Base(file), fmt.Sprintf("%04d", i+1)
		form := decision.FindStringSubmatch(read(t, file))
		if form == nil || form[1] != number || !strings.HasPrefix(name, number+"-") {
			t.Errorf("%s is not decision %s, or does not have the required form", file, number)
			continue
		}
		if row := fmt.Sprintf("| [%s](%s) | %s | %s | %s |\n", number, name, form[2], form[3], form[4]); !strings.Contains(index, row) {
			t.Errorf("decisions/README.md lacks %s", row)
		}
	}
}
