package querytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/analytics/internal/query"
	"function/shared/access"
)

func tables(t *testing.T, c Case) {
	got, err := c.Backend.Tables(t.Context(), access.Everyone(c.One))
	if err != nil || !slices.IsSorted(got) {
		t.Errorf("tables %v (%v), want them sorted", got, err)
	}
	if diff := cmp.Diff(c.Tables, got); diff != "" {
		t.Errorf("tables differ (-want +got):\n%s", diff)
	}
}

// isolation checks that each organization sees only its own rows, under concurrency and under
// attack.
func isolation(t *testing.T, c Case) {
	counts := func() {
		t.Helper()
		var running sync.WaitGroup
		for range 4 { // reuse the connections
			for organization, want := range c.Counts {
				running.Go(func() {
					if got := Rows(t, c.Backend, organization, c.Count); got != fmt.Sprintf("[[%d]]", want) {
						t.Errorf("%s rows, want %d", got, want)
					}
				})
			}
		}
		running.Wait()
		set, err := c.Backend.Run(t.Context(), access.Everyone(uuid.New()), query.Query{SQL: c.Count}, query.Limits{})
		if _, refused := query.Refused(err); !refused && (err != nil || fmt.Sprint(set.Rows[0][0]) != "0") {
			t.Errorf("an organization without data gets %v (%v)", set, err)
		}
	}
	if len(c.Counts) < 2 || c.Counts[c.One] == c.Counts[c.Other] || len(c.Attacks) == 0 {
		t.Fatal("the case needs organizations with different counts, and attacks")
	}
	counts()
	for _, sql := range c.Attacks {
		Refusal(t, c.Backend, c.One, sql)
	}
	counts()
}

func cancel(t *testing.T, c Case) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	short, end := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer end()
	for name, ctx := range map[string]context.Context{"before": gone, "while it runs": short} {
		_, err := c.Backend.Run(ctx, access.Everyone(c.One), query.Query{SQL: c.Slow}, query.Limits{})
		if _, refused := query.Refused(err); refused || !errors.Is(err, ctx.Err()) {
			t.Errorf("cancelled %s: %v, want %v", name, err, ctx.Err())
		}
	}
	if got := Rows(t, c.Backend, c.One, "SELECT 1"); got != "[[1]]" {
		t.Errorf("afterwards SELECT 1 is %s", got)
	}
}

func refusals(t *testing.T, c Case) {
	for _, test := range []struct {
		sql       string
		character int // 0: may be unknown
		want      string
	}{
		{"SELECT * FROM nowhere", 15, "nowhere"},
		{"SELECT 'é', t.* FROM nowhere AS t", 22, "nowhere"},
		{"SELECT * FROM (SELECT 1 WHERE 1 IN (?)) a, nowhere", 44, "nowhere"},
		{"SELECT 1; SELECT 2", 0, ""},
		{"SELECT nothing", 0, "nothing"},
		{"SELECT (1", 0, ""},
		{"SELECT 'abc", 0, ""},
		{"", 0, ""},
		{" ", 0, ""},
		{"-- nothing", 0, ""},
		{"SELECT * FROM", 0, ""},
		{"SELECT CAST('x' AS INTEGER)", 0, ""},
		{"DELETE FROM " + c.Tables[0], 0, ""},
		{"DROP TABLE " + c.Tables[0], 0, ""},
		{"EXPLAIN SELECT 1", 0, ""},
	} {
		var parameters []any
		if strings.Contains(test.sql, "?") {
			parameters = []any{[]any{1, 2, 3}}
		}
		f := Refusal(t, c.Backend, c.One, test.sql, parameters...)
		if len(f.Fields) == 0 {
			continue
		}
		var character int
		_, err := fmt.Sscanf(f.Fields[0].Message, "at character %d:", &character)
		switch known := err == nil; {
		case f.Fields[0].Location != "body.query" || !strings.Contains(f.Detail, test.want):
			t.Errorf("%s: %+v, want it to mention %q", test.sql, f, test.want)
		case test.character > 0 && character != test.character:
			t.Errorf("%s: %q, want character %d", test.sql, f.Fields[0].Message, test.character)
		case known && (character < 1 || character > len([]rune(test.sql))+1):
			t.Errorf("%s: %q, which is outside the query", test.sql, f.Fields[0].Message)
		}
	}
}
