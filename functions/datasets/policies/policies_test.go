package policies_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	accessrequests "function/functions/datasets/access-requests"
	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/diff"
	"function/functions/datasets/download"
	"function/functions/datasets/list"
	"function/functions/datasets/policies"
	"function/functions/datasets/shares"
	"function/functions/datasets/versions"
	"function/functions/datasets/visibility"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var story = append(datasetstest.Lifecycle, list.Service, download.Service, versions.Service, diff.Service, visibility.Service, shares.Service, accessrequests.Service, policies.Service, deletion.Service)

type object = map[string]any

const salaries = "id,name,salary,team\n1,Ada,91000,a\n2,Bob,52500,b\n3,Cleo,70100,a\n"

// ready uploads a table and returns its path.
func ready(t *testing.T, p *platformtest.Platform, token string, files ...string) string {
	t.Helper()
	d := datasetstest.Create(t, p, token, "salaries")
	for i, file := range files {
		datasetstest.Upload(t, p, token, d.ID, "salaries.csv", file).Want(t, http.StatusCreated)
		datasetstest.Profile(t, p, i+1)
	}
	return "/v1/datasets/" + d.ID.String()
}

func TestPolicies_LimitEverythingThatShowsRows(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, story...)
	owner := p.Login("owner")
	member := p.LoginTo(owner.OrganizationID, "member")
	path := ready(t, p, owner.Token, salaries, salaries+"4,Dan,88000,a\n5,Eve,12345,b\n")
	body := object{
		"filter": "team = 'a'", "exempt": object{"roles": []string{"owner"}},
		"masks": []object{{"column": "salary", "with": "generalize", "step": "10000"}, {"column": "NAME", "with": "partial", "keep_first": 1}},
	}
	p.Do(owner.Token, http.MethodPut, path+"/policies/team-a", body).Want(t, http.StatusOK)

	const seen = "\"id\",\"name\",\"salary\",\"team\"\n1,\"A**\",90000,\"a\"\n3,\"C***\",70000,\"a\"\n4,\"D**\",80000,\"a\"\n"
	if got := string(p.Do(member.Token, http.MethodGet, path+"/download?format=csv", nil).Want(t, http.StatusOK).Body); strings.ReplaceAll(got, "\r", "") != seen {
		t.Errorf("download:\n%s", got)
	}
	if got := string(p.Do(owner.Token, http.MethodGet, path+"/download?format=csv", nil).Want(t, http.StatusOK).Body); !strings.Contains(got, "12345") {
		t.Errorf("the owner's download:\n%s", got)
	}
	p.Do(member.Token, http.MethodGet, path+"/download", nil).Want(t, http.StatusForbidden)
	hidden := func(what string, a platformtest.Answer) {
		t.Helper()
		a.Want(t, http.StatusOK)
		for _, secret := range []string{"12345", "91000", "52500", "Ada", "Bob", "Eve", "\"row_count\"", "top_values", "sha256"} {
			if strings.Contains(string(a.Body), secret) {
				t.Errorf("%s shows %s:\n%s", what, secret, a.Body)
			}
		}
	}
	hidden("the data set", p.Do(member.Token, http.MethodGet, path, nil))
	hidden("the list", p.Do(member.Token, http.MethodGet, "/v1/datasets", nil))
	hidden("the versions", p.Do(member.Token, http.MethodGet, path+"/versions", nil))
	hidden("a version", p.Do(member.Token, http.MethodGet, path+"/versions/2", nil))
	difference := p.Do(member.Token, http.MethodGet, path+"/diff?from=1&key=id", nil)
	hidden("the difference", difference)
	if !strings.Contains(string(difference.Body), `"added":1,`) {
		t.Errorf("difference: %s", difference.Body)
	}
	columns := platformtest.Decode[struct{ Columns []struct{ Name, Type string } }](t, p.Do(member.Token, http.MethodGet, path, nil)).Columns
	if want := []struct{ Name, Type string }{{"id", "BIGINT"}, {"name", "VARCHAR"}, {"salary", "BIGINT"}, {"team", "VARCHAR"}}; !cmp.Equal(columns, want) {
		t.Errorf("columns %v", columns)
	}
	p.Do(owner.Token, http.MethodDelete, path+"/policies/team-a", nil).Want(t, http.StatusNoContent)
	if got := string(p.Do(member.Token, http.MethodGet, path+"/download", nil).Want(t, http.StatusOK).Body); !strings.Contains(got, "12345") {
		t.Errorf("without the policy:\n%s", got)
	}
}

func TestSetPolicy_DoesNotFit_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, story...)
	owner := p.Login("owner")
	path := ready(t, p, owner.Token, salaries)
	for _, test := range []struct {
		body object
		want string
	}{
		{object{}, "hides nothing"},
		{object{"filter": "country = 'DE'"}, "country"},
		{object{"filter": "salary"}, "BOOLEAN"},
		{object{"filter": "salary > (SELECT 1)"}, "single expression"},
		{object{"filter": "read_text('/etc/passwd') = ''"}, "not available"},
		{object{"masks": []object{{"column": "country", "with": "null"}}}, "country"},
		{object{"masks": []object{{"column": "salary", "with": "null"}, {"column": "Salary", "with": "hash"}}}, "twice"},
		{object{"masks": []object{{"column": "salary", "with": "generalize"}}}, "step"},
		{object{"masks": []object{{"column": "salary", "with": "generalize", "step": "0.5"}}}, "whole number"},
		{object{"masks": []object{{"column": "salary", "with": "generalize", "step": "0"}}}, "step"},
		{object{"masks": []object{{"column": "name", "with": "generalize"}}}, "keep_first"},
	} {
		a := p.Do(owner.Token, http.MethodPut, path+"/policies/x", test.body).Want(t, http.StatusUnprocessableEntity)
		if !strings.Contains(string(a.Body), test.want) {
			t.Errorf("%v: %s", test.body, a.Body)
		}
	}
	d := datasetstest.Create(t, p, owner.Token, "empty")
	p.Do(owner.Token, http.MethodPut, "/v1/datasets/"+d.ID.String()+"/policies/x", object{"filter": "true"}).Want(t, http.StatusConflict)
	p.Do(owner.Token, http.MethodDelete, path+"/policies/x", nil).Want(t, http.StatusNotFound)
}

func TestVisibility_Restricted_IsForSharesOnly(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, story...)
	owner := p.Login("owner")
	member, stranger := p.LoginTo(owner.OrganizationID, "member"), p.Login("member")
	path := ready(t, p, owner.Token, salaries)
	listed := func(c platformtest.Caller, query string) int {
		t.Helper()
		return len(platformtest.Decode[struct{ Items []any }](t, p.Do(c.Token, http.MethodGet, "/v1/datasets"+query, nil).Want(t, http.StatusOK)).Items)
	}
	status := func(c platformtest.Caller, want int) {
		t.Helper()
		for _, exit := range []string{"", "/versions", "/versions/1", "/download", "/download?format=json", "/diff?from=1&to=1&key=id"} {
			p.Do(c.Token, http.MethodGet, path+exit, nil).Want(t, want)
		}
	}
	status(member, http.StatusOK)
	p.Do(owner.Token, http.MethodPut, path+"/visibility", object{"restricted": true}).Want(t, http.StatusOK)
	status(owner, http.StatusOK)
	status(member, http.StatusNotFound)
	status(stranger, http.StatusNotFound)
	if listed(member, "") != 0 || listed(owner, "") != 1 {
		t.Error("the list shows a restricted data set, or hides it from its creator")
	}
	datasetstest.Upload(t, p, member.Token, uuid.MustParse(strings.TrimPrefix(path, "/v1/datasets/")), "x.csv", salaries).Want(t, http.StatusNotFound)

	// The member asks for access, and gets it for a day.
	p.Do(member.Token, http.MethodPost, path+"/access-requests", object{"purpose": "audit", "days": 1}).Want(t, http.StatusOK)
	p.Do(member.Token, http.MethodPost, "/v1/datasets/"+uuid.NewString()+"/access-requests", object{"purpose": "audit"}).Want(t, http.StatusOK)
	p.Do(stranger.Token, http.MethodPost, path+"/access-requests", object{"purpose": "curiosity"}).Want(t, http.StatusOK)
	requests := platformtest.Decode[struct {
		Items []struct {
			ID          string
			RequestedBy uuid.UUID `json:"requested_by"`
		}
	}](t, p.Do(owner.Token, http.MethodGet, path+"/access-requests?status=open", nil).Want(t, http.StatusOK)).Items
	if len(requests) != 1 || requests[0].RequestedBy != member.UserID {
		t.Fatalf("open requests: %v", requests)
	}
	p.Do(owner.Token, http.MethodPost, path+"/access-requests/"+requests[0].ID+"/approve", object{}).Want(t, http.StatusOK)
	p.Do(owner.Token, http.MethodPost, path+"/access-requests/"+requests[0].ID+"/decline", object{}).Want(t, http.StatusConflict)
	status(member, http.StatusOK)

	// Another organization gets a share, which is revoked.
	terms := object{"grantee_kind": "organization", "grantee_id": stranger.OrganizationID, "purpose": "forecast"}
	p.Do(owner.Token, http.MethodPost, path+"/shares", terms).Want(t, http.StatusUnprocessableEntity)
	terms["expires_at"] = time.Now().Add(time.Hour)
	share := platformtest.Decode[struct{ ID string }](t, p.Do(owner.Token, http.MethodPost, path+"/shares", terms).Want(t, http.StatusOK))
	status(stranger, http.StatusOK)
	if listed(stranger, "") != 0 || listed(stranger, "?shared=true") != 1 || listed(owner, "?shared=true") != 0 {
		t.Error("the list of shared data sets is wrong")
	}
	p.Do(stranger.Token, http.MethodPost, path+"/shares", terms).Want(t, http.StatusForbidden)
	p.Do(stranger.Token, http.MethodDelete, path, nil).Want(t, http.StatusNotFound)
	datasetstest.Upload(t, p, stranger.Token, uuid.MustParse(strings.TrimPrefix(path, "/v1/datasets/")), "x.csv", salaries).Want(t, http.StatusNotFound)
	p.Do(owner.Token, http.MethodDelete, path+"/shares/"+share.ID, nil).Want(t, http.StatusNoContent)
	p.Do(owner.Token, http.MethodDelete, path+"/shares/"+share.ID, nil).Want(t, http.StatusNotFound)
	status(stranger, http.StatusNotFound)
}
