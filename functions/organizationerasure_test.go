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
	"function/functions/users/userstest"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/page"
	"function/shared/platformtest"
)

// sendMail needs a mail relay, so the test uses [platformtest.Platform.Mail] instead.
const sendMail = "users-send-mail"

// stays lists what remains in the databases after an organization is erased, within the retention
// of its data (docs/decisions/0030-erasing-an-organization.md).
var stays = map[database.Name][]string{
	database.Users: {"audit_checkpoints", "audit_entries", "compliance.retention_disposals", "compliance.retention_policies",
		"erased_organizations", "refusal_counts", "retention_periods"},
	database.Datasets:  {"audit_checkpoints", "audit_entries", "dataset_versions", "datasets", "erased_organizations", "retention_periods"},
	database.Analytics: {"audit_checkpoints", "audit_entries", "erased_organizations", "retention_periods"},
}

const insertCheckpoint = `INSERT INTO audit_checkpoints (organization_id, seq, hash, signed_at, statement) SELECT $1::uuid, 1, '', now(), $2::uuid::text`

// fill inserts rows for an organization and a person into tables that the operations of the test
// leave empty.
var fill = map[database.Name][]string{
	database.Users: {
		insertCheckpoint,
		`INSERT INTO registrations (id, email_index, user_id, wrapped_key, email, first_name, last_name, password_hash, organization_id, expires_at)
		 SELECT gen_random_uuid(), '', $2::uuid, '', '', '', '', '', $1::uuid, now() + interval '1 day'`,
		`INSERT INTO role_changes (id, organization_id, change, requested_by, expires_at) SELECT gen_random_uuid(), $1::uuid, '{"kind": "assign"}', $2::uuid, now() + interval '1 day'`,
		`INSERT INTO name_prefixes (organization_id, prefix_index, user_id) SELECT $1::uuid, '', $2::uuid`,
		`INSERT INTO provisioned_people (id, organization_id, email_index, user_name_index, wrapped_key, attributes) SELECT $2::uuid, $1::uuid, '', '', '', ''`,
		`INSERT INTO provisioned_teams (team_id, organization_id, external_id) SELECT id, $1::uuid, $2::uuid::text FROM teams WHERE organization_id = $1::uuid`,
		`INSERT INTO provisioned_waiting (team_id, person_id) SELECT team_id, $2::uuid FROM provisioned_teams WHERE organization_id = $1::uuid`,
		`INSERT INTO refusal_counts (actor_id, minute, organization_id, refusals) SELECT $2::uuid, now(), $1::uuid, 1`,
		`WITH sweep AS (INSERT INTO compliance.retention_sweeps (id) SELECT $2::uuid)
		 INSERT INTO compliance.retention_disposals (id, sweep_id, resource, keep_days, cutoff, organization_id, items, bytes, oldest, newest, disposed_at) SELECT $2::uuid, $2::uuid, 'sessions', 30, now(), $1::uuid, 1, 0, now(), now(), now()`,
	},
	database.Datasets: {
		insertCheckpoint,
		`INSERT INTO glossary_terms (organization_id, term, definition, synonyms, related, changed_by) SELECT $1::uuid, 'x', 'x', '{}', '{}', $2::uuid`,
		`INSERT INTO lineage_nodes (id, organization_id, kind, namespace, name) SELECT $2::uuid, $1::uuid, 'job', 'x', 'x'`,
		`INSERT INTO lineage_runs (id, organization_id, job_id, state, state_rank, state_at, reported_by, first_at, last_at) SELECT $2::uuid, $1::uuid, $2::uuid, 'COMPLETE', 2, now(), $2::uuid, now(), now()`,
		`INSERT INTO dataset_terms (dataset_id, column_name, organization_id, term) SELECT id, '', organization_id, 'x' FROM datasets WHERE organization_id = $1::uuid AND $2::uuid IS NOT NULL`,
	},
	database.Analytics: {
		insertCheckpoint,
		`INSERT INTO retention_periods (resource, organization_id, version) SELECT 'reports', $1::uuid, 1 FROM (SELECT $2::uuid) AS person`,
		`INSERT INTO report_runs (id, report_id, organization_id, status, rows) SELECT $2::uuid, id, $1::uuid, 'succeeded', '[]' FROM reports WHERE organization_id = $1::uuid`,
		`INSERT INTO projections.users (id, organization_id, role, registered_at) SELECT $2::uuid, $1::uuid, 'owner', now() ON CONFLICT DO NOTHING`,
		`INSERT INTO projections.logins (id, user_id, organization_id, logged_in_at) SELECT gen_random_uuid(), $2::uuid, $1::uuid, now()`,
		`INSERT INTO platform.dead_letters (id, organization_id, source, event_id, event_type, destination, event, reason) SELECT $2::uuid, $1::uuid, '', '', '', '', '', ''`,
	},
}

const selectNaming = `
SELECT format('%I.%I', c.table_schema, c.table_name) FROM information_schema.columns c JOIN information_schema.tables USING (table_schema, table_name)
WHERE c.column_name = 'organization_id' AND table_type = 'BASE TABLE' AND c.table_name <> 'erased_organizations'`

// filled fails the test if a table with organizations has no rows of this one, because finding it
// empty afterwards would then prove nothing.
func filled(t *testing.T, p *platformtest.Platform, organization, person uuid.UUID) {
	t.Helper()
	for name, statements := range fill {
		for _, statement := range statements {
			if _, err := p.DB(name).Exec(t.Context(), statement, organization, person); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
	there := mentions(t, p, organization)
	for name := range stays {
		rows, _ := p.DB(name).Query(t.Context(), selectNaming)
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			if !slices.Contains(there[name], strings.TrimPrefix(table, "public.")) {
				t.Errorf("%s of %s has nothing of the organization: fill it, or this test shows nothing about it", table, name)
			}
		}
	}
}

func TestOrganizationErasure_LeavesNothingElse(t *testing.T) {
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
		{http.MethodPost, of + "/domains", `{"domain": "example.com"}`, http.StatusCreated},
		{http.MethodPost, of + "/invitations", `{"email": "grace@example.com", "role": "member"}`, http.StatusCreated},
		{http.MethodPost, of + "/purposes", `{"name": "newsletter", "text": "We write to you."}`, http.StatusCreated},
		{http.MethodPost, "/v1/users/consents", `{"purpose": "newsletter", "version": 1}`, http.StatusOK},
		{http.MethodPost, of + "/service-accounts", `{"name": "robot"}`, http.StatusCreated},
		{http.MethodPost, "/v1/api-keys", `{"name": "hers", "scopes": ["organizations:read"]}`, http.StatusCreated},
		{http.MethodPost, "/v1/analytics/reports", `{"name": "Sales", "query": "SELECT 1", "schedule": "0 6 * * *"}`, http.StatusCreated},
		{http.MethodPost, "/v1/analytics/query", `{"database": "postgresql", "query": "SELECT 1"}`, http.StatusOK},
		{http.MethodPut, "/v1/compliance/retention/policies/datasets", `{"keep_days": 60}`, http.StatusOK},
		{http.MethodPut, "/v1/compliance/retention/policies/sessions", `{"keep_days": 60}`, http.StatusOK},
	} {
		p.Do(owner.Token, c.method, c.path, c.body).Want(t, c.want)
	}
	sold := datasetstest.Create(t, p, owner.Token, "sold")
	datasetstest.Upload(t, p, owner.Token, sold.ID, "sold.csv", "a\n1\n").Want(t, http.StatusCreated)
	theirs := datasetstest.Create(t, p, other.Token, "theirs")
	deliver()
	sales := platformtest.Decode[page.Page[userstest.Team]](t, p.Do(owner.Token, http.MethodGet, of+"/teams", nil).Want(t, http.StatusOK)).Items[0].ID.String()
	p.Do(owner.Token, http.MethodPut, of+"/teams/"+sales+"/members/"+owner.UserID.String(), nil).Want(t, http.StatusOK)
	p.Do(owner.Token, http.MethodPost, of+"/grants", `{"role": "auditor", "team_id": "`+sales+`"}`).Want(t, http.StatusOK)
	filled(t, p, owner.OrganizationID, owner.UserID)

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

// broker returns a function that delivers the published events to all subscribers until no new
// ones are published.
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

// mentions returns the tables of each database in which the organization occurs in any column.
func mentions(t *testing.T, p *platformtest.Platform, organization uuid.UUID) map[database.Name][]string {
	t.Helper()
	ctx := context.Background()
	found := map[database.Name][]string{}
	for name := range maps.Keys(stays) {
		db := p.Administrator(name)
		rows, _ := db.Query(ctx, selectTables)
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			var there bool
			if err := db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM `+table+` r WHERE r::text LIKE '%' || $1 || '%')`, organization.String()).Scan(&there); err != nil {
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
