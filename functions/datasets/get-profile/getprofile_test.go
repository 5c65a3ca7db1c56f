package getprofile_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"function/functions/datasets/contract"
	"function/functions/datasets/datasetstest"
	getprofile "function/functions/datasets/get-profile"
	"function/functions/datasets/policies"
	restoreversion "function/functions/datasets/restore-version"
	"function/functions/datasets/retry"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{getprofile.Service, policies.Service, restoreversion.Service, contract.Service, retry.Service}, datasetstest.Lifecycle...)

func TestProfile_ReadyVersion_IsDescribed(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	owner := p.Login("owner")
	d := datasetstest.Create(t, p, owner.Token, "orders")
	path := "/v1/datasets/" + d.ID.String() + "/profile"
	p.Do(owner.Token, http.MethodGet, path, nil).Want(t, http.StatusNotFound)
	var csv strings.Builder
	csv.WriteString("id,amount,code,at\n")
	for i := range 100 {
		fmt.Fprintf(&csv, "9007199254740%03d,%d.5,AB-%04d,2026-11-01T00:00:%02dZ\n", i, 2*i, i, i%60)
	}
	datasetstest.Upload(t, p, owner.Token, d.ID, "a.csv", csv.String()).Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)

	body := string(p.Do(owner.Token, http.MethodGet, path, nil).Want(t, http.StatusOK).Body)
	for _, want := range []string{
		`"version":1`, `"row_count":100`, `"p50":9007199254740049`, `"min":9007199254740000`, `"distinct_approximate":false`,
		`"patterns":[{"shape":"AA-9999","count":100,"share":1}]`, `"examples":["AB-0000","AB-0001"`, `"columns":["id","amount"]`, `"from":"2026-11-01T00:00:00Z"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if strings.Contains(body, "sampled_rows") {
		t.Errorf("a small table is sampled: %s", body)
	}
	p.Do(owner.Token, http.MethodPost, "/v1/datasets/"+d.ID.String()+"/versions/1/restore", map[string]any{}).Want(t, http.StatusCreated)
	if restored := string(p.Do(owner.Token, http.MethodGet, path+"?version=2", nil).Want(t, http.StatusOK).Body); strings.Replace(restored, `"version":2`, `"version":1`, 1) != body {
		t.Errorf("restored version %s", restored)
	}
	p.Do(owner.Token, http.MethodGet, path+"?version=3", nil).Want(t, http.StatusNotFound)
	p.Do(p.Login("owner").Token, http.MethodGet, path, nil).Want(t, http.StatusNotFound)

	policy := map[string]any{"masks": []any{map[string]any{"column": "code", "with": "null"}}, "exempt": map[string]any{"roles": []string{"owner"}}}
	p.Do(owner.Token, http.MethodPut, "/v1/datasets/"+d.ID.String()+"/policies/codes", policy).Want(t, http.StatusOK)
	p.Do(owner.Token, http.MethodGet, path, nil).Want(t, http.StatusOK)
	member := p.LoginTo(owner.OrganizationID, "member")
	limited := string(p.Do(member.Token, http.MethodGet, path, nil).Want(t, http.StatusOK).Body)
	if !strings.Contains(limited, `{"name":"code","type":"VARCHAR"}`) || strings.Contains(limited, "AB-") || strings.Contains(limited, "100") || strings.Contains(limited, "9007") {
		t.Errorf("under a policy: %s", limited)
	}
}

func TestProfile_BlockedVersion_IsNotShown(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	owner := p.Login("owner")
	d := datasetstest.Create(t, p, owner.Token, "orders")
	p.Do(owner.Token, http.MethodPut, "/v1/datasets/"+d.ID.String()+"/contract", `{"rules":[{"kind":"range","column":"n","max":1}]}`).Want(t, http.StatusOK)
	datasetstest.Upload(t, p, owner.Token, d.ID, "a.csv", "n\n987654\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)
	for _, query := range []string{"", "?version=1"} {
		p.Do(owner.Token, http.MethodGet, "/v1/datasets/"+d.ID.String()+"/profile"+query, nil).Want(t, http.StatusNotFound)
	}
}
