package functions_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions"
	"function/functions/datasets/datasetstest"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

// sendMail needs a relay; what it would send is sent by [platformtest.Platform.Mail].
const sendMail = "users-send-mail"

// What stays in the databases of an organization that is gone, within the retention of
// its data (docs/decisions.md, "Erasing an organization").
var stays = map[database.Name][]string{
	database.Users:     {"audit_entries", "compliance.retention_policies", "erased_organizations"},
	database.Datasets:  {"audit_entries", "dataset_versions", "datasets", "erased_organizations"},
	database.Analytics: {"audit_entries", "erased_organizations"},
}

func TestNothingElseIsLeftOfAnOrganizationThatIsGone(t *testing.T) {
	t.Parallel()
	var mounted []function.Declaration
	for _, d := range functions.Catalog {
		if !d.Requests && d.Name != sendMail {
			mounted = append(mounted, d)
		}
	}
	p := platformtest.NewWith(t, func(c *function.Config) { c.SigningKeyDays = 30 }, mounted...)
	deliver := broker(t, p)
	owner, other := p.Login("owner"), p.Login("owner")
	of := "/v1/organizations/" + owner.OrganizationID.String()
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{http.MethodPost, of + "/teams", `{"name": "Sales"}`, http.StatusCreated},
		{http.MethodPut, of + "/roles/auditor", `{"permissions": ["audit:read"], "description": "what auditors do"}`, http.StatusOK},
		{http.MethodPost, of + "/invitations", `{"email": "grace@example.com", "role": "member"}`, http.StatusCreated},
		{http.MethodPost, of + "/purposes", `{"name": "newsletter", "text": "We write to you."}`, http.StatusCreated},
		{http.MethodPost, "/v1/users/consents", `{"purpose": "newsletter", "version": 1}`, http.StatusOK},
		{http.MethodPost, of + "/service-accounts", `{"name": "robot"}`, http.StatusCreated},
		{http.MethodPost, "/v1/api-keys", `{"name": "hers", "scopes": ["organizations:read"]}`, http.StatusCreated},
		{http.MethodPost, "/v1/analytics/reports", `{"name": "Sales", "query": "SELECT 1", "schedule": "0 6 * * *"}`, http.StatusCreated},
		{http.MethodPut, "/v1/compliance/retention/policies/datasets", `{"keep_days": 60}`, http.StatusOK},
	} {
		p.Do(owner.Token, c.method, c.path, c.body).Want(t, c.want)
	}
	sold := datasetstest.Create(t, p, owner.Token, "sold")
	datasetstest.Upload(t, p, owner.Token, sold.ID, "sold.csv", "a\n1\n").Want(t, http.StatusCreated)
	theirs := datasetstest.Create(t, p, other.Token, "theirs")
	deliver()
	if left := mentions(t, p, owner.OrganizationID)[database.Analytics]; !slices.Contains(left, "projections.datasets") || !slices.Contains(left, "reports") {
		t.Fatalf("analytics holds the organization in %v only: this test shows nothing", left)
	}

	p.Do(owner.Token, http.MethodDelete, of, nil).Want(t, http.StatusOK)
	past := `UPDATE organizations SET deleted_at = deleted_at - interval '31 days' WHERE id = $1`
	if _, err := p.DB(database.Users).Exec(t.Context(), past, owner.OrganizationID); err != nil {
		t.Fatal(err)
	}
	p.Wake("users-purge-organizations").Want(t, http.StatusNoContent)
	platformtest.Published[events.OrganizationDeleted](p, 1)
	deliver()

	if diff := cmp.Diff(stays, mentions(t, p, owner.OrganizationID)); diff != "" {
		t.Errorf("the tables that name the organization (-want +got):\n%s", diff)
	}
	datasetstest.Get(t, p, other.Token, theirs.ID)
}

// broker makes a function that delivers what has been published to all who subscribe,
// until nothing more is.
func broker(t *testing.T, p *platformtest.Platform) func() {
	delivered := 0
	return func() {
		t.Helper()
		for {
			p.Env.Sender().Wait()
			waiting := p.Captured()[delivered:]
			if len(waiting) == 0 {
				break
			}
			delivered += len(waiting)
			for _, e := range waiting {
				body, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range functions.Catalog {
					if slices.Contains(d.Subscriptions, e.Type()) && d.Name != sendMail {
						p.Do("", http.MethodPost, "/events/"+d.Name, string(body), "Content-Type", "application/cloudevents+json").Want(t, http.StatusNoContent)
					}
				}
			}
		}
		p.Mail(0)
	}
}

const selectTables = `
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')`

// mentions is in which tables of each database the organization occurs, in whatever column.
func mentions(t *testing.T, p *platformtest.Platform, organization uuid.UUID) map[database.Name][]string {
	t.Helper()
	ctx := context.Background()
	found := map[database.Name][]string{}
	for name := range maps.Keys(stays) {
		rows, _ := p.DB(name).Query(ctx, selectTables)
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			var there bool
			if err := p.DB(name).QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+table+` r WHERE r::text LIKE '%' || $1 || '%')`, organization.String()).Scan(&there); err != nil {
				t.Fatal(err)
			}
			if there {
				found[name] = append(found[name], strings.TrimPrefix(table, "public."))
			}
		}
		slices.Sort(found[name])
	}
	return found
}
