package scimusers

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/provisioning/scim"
	"function/shared/database"
)

// provisioned is a provisioned person as stored in the database.
type provisioned struct {
	ID         uuid.UUID
	UserID     *uuid.UUID // the linked account; nil: none
	EmailIndex []byte     // index of the person's address
	Owned      bool       // the account belongs to the organization: it was created in a domain that is still verified, and still has that address
	Fresh      bool       // nobody has logged in to the account yet
	WrappedKey []byte     // the person's own key, or the row's if it is not linked
	Attributes []byte
	CreatedAt  time.Time
	ChangedAt  time.Time
	Member     *uuid.UUID // the member who has the address; nil: none
	Role       *string
	Status     *string
	Invited    bool
	Groups     []group
}

type group struct {
	Value   uuid.UUID `json:"value"`
	Display string    `json:"display"`
}

const (
	selectPerson = `
SELECT p.id, p.user_id, p.email_index,
       p.domain_id IS NOT NULL AND coalesce(u.email_index = p.email_index AND NOT u.platform_admin, false) AS owned,
       coalesce(u.password_hash IS NULL AND u.email_verified_at IS NULL, false) AS fresh,
       coalesce(p.wrapped_key, u.wrapped_key) AS wrapped_key, p.attributes, p.created_at, p.changed_at,
       m.user_id AS member, m.role, m.status,
       EXISTS (SELECT FROM invitations i WHERE i.organization_id = p.organization_id AND i.email_index = p.email_index
                                           AND i.ended_at IS NULL AND i.expires_at > now()) AS invited,
       coalesce((SELECT jsonb_agg(jsonb_build_object('value', t.id, 'display', t.name) ORDER BY t.id)
                 FROM team_members tm JOIN provisioned_teams pt ON pt.team_id = tm.team_id JOIN teams t ON t.id = tm.team_id
                 WHERE tm.user_id = m.user_id AND tm.organization_id = p.organization_id), '[]') AS groups
FROM provisioned_people p
LEFT JOIN users u ON u.id = p.user_id
LEFT JOIN memberships m ON m.organization_id = p.organization_id AND m.status <> 'requested'
                       AND m.user_id = coalesce(p.user_id, (SELECT a.id FROM users a WHERE a.email_index = p.email_index))
WHERE p.organization_id = $1`
	selectOne  = selectPerson + ` AND p.id = $2`
	selectSome = selectPerson + ` AND ($2::uuid IS NULL OR p.id = $2) AND ($3::bytea IS NULL OR p.user_name_index = $3) AND ($4::bytea IS NULL OR p.external_index = $4)
  AND ($5::bytea IS NULL OR p.emails_index IS NULL OR $5 = ANY (p.emails_index)) AND p.id > $6 ORDER BY p.id LIMIT $7 OFFSET $8`
	lockPerson  = `SELECT FROM provisioned_people WHERE organization_id = $1 AND id = $2 FOR UPDATE`
	countPeople = `SELECT count(*) FROM provisioned_people WHERE organization_id = $1`
)

// load reads one person. It returns [provisioning.ErrNotProvisioned] if there is none.
func load(ctx context.Context, db database.Querier, organization, id uuid.UUID) (provisioned, error) {
	p, err := database.One[provisioned](ctx, db, provisioning.ErrNotProvisioned, selectOne, organization, id)
	if err != nil {
		return p, err
	}
	return p, nil
}

// active reports whether the person is an active member or has an open invitation.
func (p provisioned) active() bool {
	if p.Member != nil {
		return *p.Status == access.MembershipActive
	}
	return p.Invited
}

// resource returns the person as a SCIM resource.
func (f *Function) resource(ctx context.Context, p provisioned) (scim.Resource, error) {
	key, err := f.store.Keeper.Unwrap(ctx, p.WrappedKey)
	if err != nil {
		return nil, err
	}
	r, err := provisioning.OpenAttributes(key, p.Attributes)
	if err != nil {
		return nil, err
	}
	r["active"] = p.active()
	if len(p.Groups) > 0 {
		groups := make([]any, 0, len(p.Groups))
		for _, g := range p.Groups {
			groups = append(groups, map[string]any{"value": g.Value.String(), "display": g.Display, "$ref": scim.Group.Location(g.Value.String())})
		}
		r["groups"] = groups
	}
	return r, scim.User.Complete(r, p.ID.String(), p.CreatedAt, p.ChangedAt)
}

// Purposes of the blind indexes of a person's SCIM identifiers.
const (
	userNameIndex = "provisioned_people.user_name"
	externalIndex = "provisioned_people.external_id"
)
