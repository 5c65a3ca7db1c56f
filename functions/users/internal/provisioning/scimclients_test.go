package provisioning_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"function/functions/users/internal/userstest"
)

// Requests of Okta and Microsoft Entra ID that differ from the examples in RFC 7644.
func TestChangesAsClientsWriteThem(t *testing.T) {
	t.Parallel()
	p := provision(t)
	id, boss := p.create("ada@example.com"), p.create("boss@example.com")
	enterprise := "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	at := func(r object, path ...string) any {
		var value any = r
		for _, name := range path {
			switch v := value.(type) {
			case object:
				value = v[name]
			case []any:
				value = v[0].(object)[name]
			}
		}
		return value
	}
	for name, test := range map[string]struct {
		operation string
		path      []string
		want      any
	}{
		"capital op, boolean as text":         {`{"op": "Replace", "path": "active", "value": "False"}`, []string{"active"}, false},
		"no path, boolean as text":            {`{"op": "Replace", "value": {"active": "True"}}`, []string{"active"}, true},
		"no path, dotted name":                {`{"op": "Replace", "value": {"name.familyName": "Nowak"}}`, []string{"name", "familyName"}, "Nowak"},
		"no path, condition":                  {`{"op": "Replace", "value": {"emails[type eq \"work\"].display": "Ada"}}`, []string{"emails", "display"}, "Ada"},
		"no path, extension's name":           {`{"op": "Add", "value": {"` + enterprise + `:department": "Sales"}}`, []string{enterprise, "department"}, "Sales"},
		"condition on a boolean as text":      {`{"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "editor"}`, []string{"roles", "value"}, "editor"},
		"addition that makes the value":       {`{"op": "Add", "path": "phoneNumbers[type eq \"work\"].value", "value": "+41"}`, []string{"phoneNumbers", "value"}, "+41"},
		"manager as a text":                   {`{"op": "Add", "path": "` + enterprise + `:manager", "value": "` + boss + `"}`, []string{enterprise, "manager", "value"}, boss},
		"manager without the schema in front": {`{"op": "Replace", "path": "manager", "value": {"value": "` + id + `"}}`, []string{enterprise, "manager", "value"}, id},
		"its own identifier in the value":     {`{"op": "replace", "value": {"id": "` + id + `", "title": "Countess"}}`, []string{"title"}, "Countess"},
		"null that removes":                   {`{"op": "Replace", "path": "nickName", "value": null}`, []string{"nickName"}, nil},
	} {
		if got := at(p.call(http.StatusOK, http.MethodPatch, "/Users/"+id, patch(test.operation)), test.path...); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	for _, mediaType := range []string{"application/json", "application/scim+json; charset=utf-8", "application/json; charset=utf-8"} {
		p.Do(p.idp.Token, http.MethodPatch, "/scim/v2/Users/"+id, patch(`{"op": "add", "path": "title", "value": "Dr"}`), "Content-Type", mediaType).Want(t, http.StatusOK)
	}
	// Okta sends back the complete resource that it received.
	whole := p.call(http.StatusOK, http.MethodGet, "/Users/"+id, nil)
	again := p.call(http.StatusOK, http.MethodPut, "/Users/"+id, whole)
	userstest.Equal(t, "version of what was put back", at(whole, "meta", "version"), at(again, "meta", "version"))
	for _, wrong := range []string{
		`{"op": "replace", "path": "name", "value": "Ada"}`, `{"op": "add", "path": "addresses", "value": "Main street"}`,
	} {
		p.call(http.StatusBadRequest, http.MethodPatch, "/Users/"+id, patch(wrong))
	}
}

func TestQueriesAsClientsWriteThem(t *testing.T) {
	t.Parallel()
	p := provision(t)
	id := p.create("ada@example.com")
	p.create("eve@example.com")
	p.call(http.StatusOK, http.MethodPatch, "/Users/"+id, patch(`{"op": "Add", "path": "manager", "value": "m1"}`))
	for _, filter := range []string{
		`userName eq "ada@example.com"`, `userName Eq "ADA@example.com"`, `externalId eq "00u-ada@example.com"`,
		`emails.value eq "ada@example.com"`, `id eq "` + id + `" and manager eq "m1"`,
	} {
		if found := p.find(filter); !slices.Equal(found, []string{id}) {
			t.Errorf("%s finds %v", filter, found)
		}
	}
	list := func(query string) object { return p.call(http.StatusOK, http.MethodGet, query, nil) }
	for query, want := range map[string][3]float64{
		"/Users?startIndex=0&count=1": {2, 1, 1}, "/Users?startIndex=1&count=0": {2, 1, 0}, "/Users?startIndex=2&count=100": {2, 2, 1},
		"/Users?count=0&filter=" + url.QueryEscape(`active eq true`): {2, 1, 0},
	} {
		l := list(query)
		userstest.Equal(t, query, want, [3]float64{l["totalResults"].(float64), l["startIndex"].(float64), l["itemsPerPage"].(float64)})
	}

	group := p.call(http.StatusCreated, http.MethodPost, "/Groups", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Engineers", "externalId": "8aa1", "members": []}`)["id"].(string)
	p.call(http.StatusOK, http.MethodPatch, "/Groups/"+group, patch(`{"op": "Add", "path": "members", "value": [{"$ref": null, "value": "`+id+`", "display": "ada@example.com"}]}`))
	p.call(http.StatusOK, http.MethodPatch, "/Groups/"+group, patch(`{"op": "replace", "value": {"id": "`+group+`", "displayName": "Builders"}}`))
	in := list("/Groups?attributes=id&filter=" + url.QueryEscape(`id eq "`+group+`" and members eq "`+id+`"`))
	if in["totalResults"] != 1.0 || in["Resources"].([]any)[0].(object)["displayName"] != nil {
		t.Errorf("%v", in)
	}
	if got := list("/Groups/" + group + "?excludedAttributes=members"); got["members"] != nil || got["displayName"] != "Builders" {
		t.Errorf("%v", got)
	}
	emptied := p.call(http.StatusOK, http.MethodPatch, "/Groups/"+group, patch(`{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "`+id+`"}]}`))
	if emptied["members"] != nil {
		t.Errorf("%v", emptied)
	}
	config := list("/ServiceProviderConfig")
	if config["bulk"].(object)["supported"] != false || config["patch"].(object)["supported"] != true || config["filter"].(object)["supported"] != true {
		t.Errorf("%v", config)
	}
	p.Do(p.idp.Token, http.MethodPost, "/scim/v2/Bulk", `{}`).Want(t, http.StatusNotFound)
}
