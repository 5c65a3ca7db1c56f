package query_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/platformtest"
)

// populate adds users to an organization.
func populate(t testing.TB, p *platformtest.Platform, organization uuid.UUID, users int) {
	t.Helper()
	_, err := p.DB(database.Analytics).Exec(context.Background(),
		`INSERT INTO projections.users SELECT gen_random_uuid(), $1, 'member', '2026-01-02 03:04:05+00' FROM generate_series(1, $2)`, organization, users)
	if err != nil {
		t.Fatal(err)
	}
}

func TestQuery_Projections_ShowTheCallersOrganization(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	a, b := p.Login("member"), p.Login("member")
	populate(t, p, a.OrganizationID, 3)
	populate(t, p, b.OrganizationID, 5)

	for range 3 { // reuse the connections
		for caller, want := range map[string]float64{a.Token: 3, b.Token: 5, p.Login("member").Token: 0} {
			got := platformtest.Decode[answer](t, p.Do(caller, http.MethodPost, path, ask("postgresql", "SELECT COUNT(*) FROM users;")).Want(t, http.StatusOK))
			if got.Rows[0][0] != want {
				t.Errorf("%v users, want %v", got.Rows[0][0], want)
			}
		}
	}
}
