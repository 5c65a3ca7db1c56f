package policies_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/shared/platformtest"
)

// TestDownload_RightsChangeMeanwhile_IsThatOfItsBeginning changes a policy, and ends the share, while a download is read. The download
// goes on with what its reader could see when it began, in one piece, and the next one has the new rights.
func TestDownload_RightsChangeMeanwhile_IsThatOfItsBeginning(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, story...)
	owner, partner := p.Login("owner"), p.Login("owner")
	var csv strings.Builder
	csv.WriteString("id,team,note\n")
	const rows = 200_000 // more than what the buffers of a connection hold
	for i := range rows {
		fmt.Fprintf(&csv, "%d,%c,%s\n", i, 'a'+i%2, uuid.NewString())
	}
	path := ready(t, p, owner.Token, csv.String())
	only := func(team string) object {
		return object{"filter": "team = '" + team + "'", "exempt": object{"roles": []string{"nobody"}}}
	}
	p.Do(owner.Token, http.MethodPut, path+"/policies/team", only("a")).Want(t, http.StatusOK)
	terms := object{"grantee_kind": "organization", "grantee_id": partner.OrganizationID, "purpose": "a test", "expires_at": time.Now().Add(time.Hour)}
	share := platformtest.Decode[struct{ ID string }](t, p.Do(owner.Token, http.MethodPost, path+"/shares", terms).Want(t, http.StatusOK))

	// teams counts the rows of each team that a download has. It calls meanwhile after the first bytes.
	teams := func(meanwhile func()) (a, b int) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+path+"/download?format=csv", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+partner.Token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatal(response.Status)
		}
		first := make([]byte, 1000)
		if _, err := io.ReadFull(response.Body, first); err != nil {
			t.Fatal(err)
		}
		meanwhile()
		rest, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		text := string(first) + string(rest)
		return strings.Count(text, `,"a",`), strings.Count(text, `,"b",`)
	}
	if a, b := teams(func() { p.Do(owner.Token, http.MethodPut, path+"/policies/team", only("b")).Want(t, http.StatusOK) }); a != rows/2 || b != 0 {
		t.Errorf("the download that had begun has %d rows of team a and %d of b", a, b)
	}
	if a, b := teams(func() {
		p.Do(owner.Token, http.MethodDelete, path+"/shares/"+share.ID, nil).Want(t, http.StatusNoContent)
	}); a != 0 || b != rows/2 {
		t.Errorf("after the change: %d rows of team a and %d of b", a, b)
	}
	p.Do(partner.Token, http.MethodGet, path+"/download?format=csv", nil).Want(t, http.StatusNotFound)
}
