package scim_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"function/functions/users/internal/provisioning/scim"
)

// ada is a user with all kinds of attributes.
const ada = `{
	"userName": "ada@example.com", "externalId": "E-1", "active": true, "displayName": "Ada",
	"name": {"givenName": "Ada", "familyName": "Lovelace"},
	"emails": [{"value": "ada@example.com", "type": "work", "primary": true}, {"value": "ada@home.example", "type": "home"}],
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Engines", "manager": {"value": "42"}}
}`

func normal(t testing.TB, kind scim.ResourceType, text string) scim.Resource {
	t.Helper()
	var r scim.Resource
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	r, err := kind.Normalize(r)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFilter(t *testing.T) {
	t.Parallel()
	r := normal(t, scim.User, ada)
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := scim.User.Complete(r, "7", day, day.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]bool{
		`userName eq "ADA@example.com"`: true,
		`USERNAME Eq "ada@example.com"`: true,
		`externalId eq "e-1"`:           false,
		`externalId eq "E-1"`:           true,
		`id eq "7"`:                     true,
		`active eq true`:                true,
		`active eq "True"`:              true,
		`active ne true`:                false,
		`title pr`:                      false,
		`title eq null`:                 true,
		`title ne "x"`:                  true,
		`not (title pr)`:                true,
		`emails pr`:                     true,
		`emails eq "ada@home.example"`:  true,
		`emails.type eq "home"`:         true,
		`emails[type eq "home" and value co "example.com"]`:                                  false,
		`emails[type eq "work" and value co "example.com"]`:                                  true,
		`emails[primary eq true]`:                                                            true,
		`name.familyName sw "love" and name.givenName ew "DA"`:                               true,
		`name.familyName gt "k" and name.familyName lt "m"`:                                  true,
		`name.familyName ge "lovelace" and name.familyName le "lovelace"`:                    true,
		`meta.created eq "2026-01-02T03:04:05Z"`:                                             true,
		`meta.created eq "2026-01-02T04:04:05+01:00"`:                                        true,
		`meta.lastModified gt "2026-01-02T03:04:05Z"`:                                        true,
		`meta.lastModified le "2026-01-02T03:04:05Z"`:                                        false,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "engines"`: true,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "42"`:   true,
		`emails[type eq "work"].value eq "ADA@example.com"`:                                  true,
		`emails[type eq "work"].value eq "ada@home.example"`:                                 false,
		`emails[type eq "home" or type eq "]"].value ew ".example" and active eq true`:       true,
		`emails[(type eq "work" or type eq "home") and not (primary eq true)].value pr`:      true,
		`not (emails[type eq "other"].value pr)`:                                             true,
		`displayName eq "x" or (displayName eq "Ada" and not (active eq false))`:             true,
		`displayName eq "Ada" and displayName eq "x"`:                                        false,
		`urn:ietf:params:scim:schemas:core:2.0:User:name.givenName co "d"`:                   true,
	} {
		f, err := scim.User.ParseFilter(filter)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
		} else if got := f.Matches(r); got != want {
			t.Errorf("%s: %v", filter, got)
		}
	}
}

func TestEqualsAreOnlyWhatEveryMatchHas(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]struct {
		equals map[string]string
		exact  bool
	}{
		`userName eq "a"`:                            {map[string]string{"userName": "a"}, true},
		`userName eq "a" and active eq true`:         {map[string]string{"userName": "a"}, false},
		`userName eq "a" and externalId eq "b"`:      {map[string]string{"userName": "a", "externalId": "b"}, true},
		`userName eq "a" or externalId eq "b"`:       {map[string]string{}, false},
		`not (userName eq "a")`:                      {map[string]string{}, false},
		`userName ne "a"`:                            {map[string]string{}, false},
		`userName eq "a" and userName eq "b"`:        {map[string]string{"userName": "a"}, false},
		`name.givenName eq "a"`:                      {map[string]string{}, false},
		`emails eq "a" and (id eq "x" and title pr)`: {map[string]string{"emails": "a", "id": "x"}, false},
		`emails[type eq "work"].value eq "a"`:        {map[string]string{"emails": "a"}, false},
		`emails[type eq "work" or value eq "a"]`:     {map[string]string{}, false},
		`emails.value eq "a" or emails.value eq "b"`: {map[string]string{}, false},
	} {
		f, err := scim.User.ParseFilter(filter)
		if err != nil {
			t.Fatal(err)
		}
		equals, exact := f.Equals()
		if diff := cmp.Diff(want.equals, equals); diff != "" || exact != want.exact {
			t.Errorf("%s: exact %v %s", filter, exact, diff)
		}
	}
}

func TestPatch(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ operations, attribute, want string }{
		"add to what is absent":              {`{"op": "add", "path": "title", "value": "Countess"}`, "title", `"Countess"`},
		"add without a path":                 {`{"op": "add", "value": {"title": "Countess", "NICKNAME": "A"}}`, "nickName", `"A"`},
		"add a part":                         {`{"op": "add", "path": "name", "value": {"middleName": "King"}}`, "name", `{"familyName":"Lovelace","givenName":"Ada","middleName":"King"}`},
		"add a value":                        {`{"op": "add", "path": "emails", "value": [{"value": "x@y.example", "type": "other"}]}`, "emails.2.value", `"x@y.example"`},
		"add a value that is there":          {`{"op": "add", "path": "emails", "value": [{"value": "ada@home.example", "type": "home"}]}`, "emails.2", `null`},
		"add a primary value":                {`{"op": "add", "path": "emails", "value": {"value": "x@y.example", "primary": true}}`, "emails.0.primary", `false`},
		"make another primary":               {`{"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}`, "emails.0.primary", `false`},
		"make the first primary again":       {`{"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}, {"op": "replace", "path": "emails[type eq \"work\"].primary", "value": true}`, "emails.1.primary", `false`},
		"replace values":                     {`{"op": "replace", "path": "emails", "value": [{"value": "x@y.example"}]}`, "emails", `[{"value":"x@y.example"}]`},
		"replace a chosen value":             {`{"op": "replace", "path": "emails[type eq \"home\"]", "value": {"value": "x@y.example", "type": "home"}}`, "emails.1.value", `"x@y.example"`},
		"replace a part of each":             {`{"op": "replace", "path": "emails.type", "value": "other"}`, "emails.1.type", `"other"`},
		"add to a value that is not there":   {`{"op": "add", "path": "addresses[type eq \"work\" and primary eq true].locality", "value": "London"}`, "addresses", `[{"locality":"London","primary":true,"type":"work"}]`},
		"remove":                             {`{"op": "remove", "path": "displayName"}`, "displayName", `null`},
		"remove a part":                      {`{"op": "remove", "path": "name.givenName"}`, "name", `{"familyName":"Lovelace"}`},
		"remove the last part":               {`{"op": "remove", "path": "name.givenName"}, {"op": "remove", "path": "name.familyName"}`, "name", `null`},
		"remove a chosen value":              {`{"op": "remove", "path": "emails[value eq \"ada@home.example\"]"}`, "emails.1", `null`},
		"remove listed values":               {`{"op": "remove", "path": "emails", "value": [{"value": "ada@example.com"}]}`, "emails.0.type", `"home"`},
		"remove what is not there":           {`{"op": "remove", "path": "phoneNumbers[type eq \"work\"]"}`, "phoneNumbers", `null`},
		"null is empty":                      {`{"op": "replace", "path": "displayName", "value": null}`, "displayName", `null`},
		"of an extension":                    {`{"op": "replace", "value": {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"division": "North"}}}`, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", `{"department":"Engines","division":"North","manager":{"value":"42"}}`},
		"replace what is not there":          {`{"op": "Replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+41"}`, "phoneNumbers", `[{"type":"mobile","value":"+41"}]`},
		"replace a value not there":          {`{"op": "Replace", "path": "phoneNumbers[type eq \"mobile\"]", "value": {"value": "+41"}}`, "phoneNumbers", `[{"type":"mobile","value":"+41"}]`},
		"beside an attribute there is not":   {`{"op": "add", "path": "x509Certificates", "value": "x"}, {"op": "Replace", "path": "active", "value": "False"}`, "active", `false`},
		"beside a part there is not":         {`{"op": "add", "path": "name.nick", "value": "x"}, {"op": "add", "path": "emails[type eq \"home\"].nick", "value": "x"}, {"op": "replace", "value": {"active": false}}`, "active", `false`},
		"beside an extension there is not":   {`{"op": "add", "path": "urn:acme:2.0:User:badge", "value": "x"}, {"op": "replace", "value": {"urn:a_b:2.0:User": {"badge": 1}, "custom": 1, "active": false}}`, "active", `false`},
		"a list of one":                      {`{"op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": [{"value": "7"}]}`, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", `{"department":"Engines","manager":{"value":"7"}}`},
		"an extension is removed":            {`{"op": "remove", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"}`, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", `null`},
		"a text that is a truth, as a value": {`{"op": "Replace", "path": "active", "value": "FALSE"}`, "active", `false`},
	} {
		patch, err := scim.ParsePatch([]byte(`{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [` + test.operations + `]}`))
		if err != nil {
			t.Fatal(name, err)
		}
		r := normal(t, scim.User, ada)
		before, _ := json.Marshal(r)
		changed, err := scim.User.Apply(t.Context(), patch, r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, _ := json.Marshal(at(changed, test.attribute)); string(got) != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
		if after, _ := json.Marshal(r); string(after) != string(before) {
			t.Errorf("%s: the resource itself was changed", name)
		}
	}
}

// at reads a value by names and positions.
func at(value any, path string) any {
	if strings.HasPrefix(path, "urn:") {
		return value.(scim.Resource)[path]
	}
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			if i := int(step[0] - '0'); i < len(v) {
				value = v[i]
			} else {
				return nil
			}
		}
	}
	return value
}

// FuzzFilter checks that no filter panics and that every error is a SCIM error.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{`userName eq "a"`, `emails[type eq "work" and value co "@"] or not (active eq true)`, `meta.created gt "2026-01-01T00:00:00Z"`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value pr`, `a.b.c eq 1`, `((((`, `x eq "\u00`, `emails eq null`, `groups.$ref pr`} {
		f.Add(seed)
	}
	r := normal(f, scim.User, ada)
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := scim.User.ParseFilter(text)
		if err != nil {
			wrong(t, err)
			return
		}
		filter.Matches(r)
		filter.Matches(scim.Resource{})
		filter.Equals()
	})
}

// FuzzPatch checks that no patch panics and that every result is normalized.
func FuzzPatch(f *testing.F) {
	for _, seed := range [][2]string{{"add", "emails"}, {"replace", `emails[type eq "work"].value`}, {"remove", "name.givenName"}, {"add", ""},
		{"replace", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"}, {"remove", "emails[not (value pr)]"}} {
		for _, value := range []string{`"x"`, `[{"value": "x", "primary": true}]`, `{"a": [1, null, {}]}`, `true`, `[[[]]]`, `null`} {
			f.Add(seed[0], seed[1], value)
		}
	}
	f.Fuzz(func(t *testing.T, op, path, value string) {
		body, err := json.Marshal(map[string]any{
			"schemas":    []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"},
			"Operations": []any{map[string]any{"op": op, "path": path, "value": json.RawMessage(value)}},
		})
		if err != nil {
			return // the value is no JSON
		}
		patch, err := scim.ParsePatch(body)
		if err != nil {
			wrong(t, err)
			return
		}
		changed, err := scim.User.Apply(t.Context(), patch, normal(t, scim.User, ada))
		if err != nil {
			wrong(t, err)
			return
		}
		again, err := scim.User.Normalize(changed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(changed, again); diff != "" {
			t.Error(diff)
		}
	})
}

func wrong(t *testing.T, err error) {
	t.Helper()
	var e *scim.Error
	if !errors.As(err, &e) || e.Status != 400 || e.Detail == "" {
		t.Errorf("%#v is no error of SCIM's", err)
	}
}
