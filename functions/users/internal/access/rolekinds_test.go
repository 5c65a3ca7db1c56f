package access

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestRoleKinds_OfTheAPI_AreTheTable(t *testing.T) {
	t.Parallel()
	field, _ := reflect.TypeFor[RoleChange]().FieldByName("Kind")
	documented := strings.Split(field.Tag.Get("enum"), ",")
	for _, kind := range documented {
		if _, ok := roleKinds[kind]; !ok {
			t.Errorf("the API knows changes of kind %q, and the table does not", kind)
		}
	}
	for kind := range roleKinds {
		if !slices.Contains(documented, kind) {
			t.Errorf("the table knows changes of kind %q, and the API does not", kind)
		}
	}
}

func TestRoleChange_UnknownKind_IsRefused(t *testing.T) {
	t.Parallel()
	c := RoleChange{Kind: "become_root"}
	if _, err := (Actor{}).may(t.Context(), &c); err == nil {
		t.Error("a change of an unknown kind may be made")
	}
	if err := (Actor{}).apply(t.Context(), c); err == nil {
		t.Error("a change of an unknown kind is applied")
	}
}
