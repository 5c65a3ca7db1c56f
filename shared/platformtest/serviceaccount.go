package platformtest

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/auth"
	"function/shared/database"
)

const insertServiceAccount = `
WITH a AS (INSERT INTO service_accounts (id, organization_id, name, created_by) VALUES (@account, @organization, 'test ' || gen_random_uuid(), @account) RETURNING id),
     r AS (INSERT INTO roles (organization_id, name, permissions) VALUES (@organization, @role, @permissions)),
     g AS (INSERT INTO role_grants (id, organization_id, role, service_account_id, granted_by) SELECT gen_random_uuid(), @organization, @role, id, id FROM a),
     k AS (INSERT INTO api_keys (id, organization_id, service_account_id, name, scopes) SELECT @key, @organization, id, 'test', @permissions FROM a RETURNING id)
INSERT INTO api_key_secrets (hash, key_id, hint, expires_at) SELECT @hash, id, 'test', now() + interval '1 hour' FROM k`

// ServiceAccount creates a service account in an organization, with a role that grants the
// permissions and an API key with them as scopes.
func (p *Platform) ServiceAccount(organization uuid.UUID, permissions ...string) Caller {
	p.t.Helper()
	c := Caller{Caller: auth.Caller{Kind: auth.ServiceAccount, UserID: uuid.Must(uuid.NewV7()), SessionID: uuid.Must(uuid.NewV7()), OrganizationID: organization}}
	c.Token = auth.NewAPIKey(c.SessionID)
	_, err := p.DB(database.Users).Exec(context.Background(), insertServiceAccount, pgx.NamedArgs{
		"account": c.UserID, "organization": organization, "role": "r" + c.UserID.String()[24:], "permissions": permissions,
		"key": c.SessionID, "hash": auth.APIKeyHash(c.Token),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}
