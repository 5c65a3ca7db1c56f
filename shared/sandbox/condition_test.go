package sandbox_test

import (
	"errors"
	"testing"

	"function/shared/resultset"
	"function/shared/sandbox"
)

func TestCheckCondition(t *testing.T) {
	t.Parallel()
	columns := []resultset.Column{{Name: "region", Type: "VARCHAR"}, {Name: "Amount €", Type: "DECIMAL(9,2)"}, {Name: "caller", Type: "STRUCT(user_id VARCHAR, roles VARCHAR[])"}}
	for _, text := range []string{
		"region = 'EU'", "true -- all", `"amount €" > 10 AND region IS NOT NULL`, "list_contains(caller.roles, 'admin') OR caller.user_id = region", "(region) = ('a')", "region IN ('a', 'b')",
	} {
		if err := sandbox.CheckCondition(t.Context(), columns, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, reason := range map[string]sandbox.Reason{
		"":                                 sandbox.Syntax,
		"region = ":                        sandbox.Syntax,
		"true; SELECT 1":                   sandbox.Syntax,
		"true) UNION SELECT (true":         sandbox.Syntax,
		"true) FROM (SELECT 1":             sandbox.Syntax,
		"true), (false":                    sandbox.Syntax,
		"true) WHERE (false":               sandbox.Syntax,
		"true) LIMIT (1":                   sandbox.Syntax,
		"EXISTS (SELECT 1)":                sandbox.Syntax,
		"region = (SELECT 'x')":            sandbox.Syntax,
		"region IN (SELECT 'x')":           sandbox.Syntax,
		"country = 'EU'":                   sandbox.Runtime,
		"region":                           sandbox.Runtime,
		"1":                                sandbox.Runtime,
		"count(*) > 1":                     sandbox.Runtime,
		"getenv('HOME') = 'x'":             sandbox.NotAllowed,
		"read_text('/etc/passwd') IS NULL": sandbox.NotAllowed,
		"current_setting('allowed_paths') IS NULL": sandbox.NotAllowed,
	} {
		var refused *sandbox.Error
		if err := sandbox.CheckCondition(t.Context(), columns, text); !errors.As(err, &refused) || refused.Reason != reason {
			t.Errorf("%s: %v, want %s", text, err, reason)
		}
	}
}
