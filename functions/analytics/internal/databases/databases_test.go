package databases_test

import (
	"reflect"
	"strings"
	"testing"

	"function/functions/analytics/internal/databases"
	"function/functions/analytics/internal/query"
	"function/shared/fault"
)

func TestCheck_EveryDatabaseOfTheAPI_IsAvailableOrHasASetting(t *testing.T) {
	t.Parallel()
	field, _ := reflect.TypeFor[query.Query]().FieldByName("Database")
	for name := range strings.SplitSeq(field.Tag.Get("enum"), ",") {
		err := databases.Check(name)
		if f, ok := fault.As(err); err != nil && (!ok || f.Kind != fault.Conflict || !strings.Contains(f.Detail, "_URL")) {
			t.Errorf("%s: %v, want the setting that makes it available", name, err)
		}
	}
	if f, ok := fault.As(databases.Check("oracle")); !ok || f.Kind != fault.Invalid {
		t.Errorf("a database that the API does not name: %v", f)
	}
}
