package scimgroups

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"function/functions/users/internal/person"
	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/provisioning/scim"
	"function/shared/database"
)

// team is a provisioned team as stored in the database.
type team struct {
	ID         uuid.UUID
	Name       string
	ExternalID *string
	CreatedAt  time.Time
	ChangedAt  time.Time
	Members    []uuid.UUID // identifiers of provisioned people; nil if not requested
}

const (
	selectTeam = `
SELECT t.id, t.name, p.external_id, p.created_at, p.changed_at,
       CASE WHEN $2 THEN ARRAY (
           SELECT person.id FROM team_members m JOIN provisioned_people person ON person.user_id = m.user_id AND person.organization_id = m.organization_id
           WHERE m.team_id = t.id
           UNION
           SELECT w.person_id FROM provisioned_waiting w WHERE w.team_id = t.id
           ORDER BY 1) END AS members
FROM provisioned_teams p JOIN teams t ON t.id = p.team_id
WHERE p.organization_id = $1`
	selectOne  = selectTeam + ` AND t.id = $3`
	selectSome = selectTeam + ` AND ($3::uuid IS NULL OR t.id = $3) AND ($4::text IS NULL OR lower(t.name) = lower($4)) AND ($5::text IS NULL OR p.external_id = $5)
  AND t.id > $6 ORDER BY t.id LIMIT $7 OFFSET $8`
	lockTeam   = `SELECT FROM provisioned_teams WHERE organization_id = $1 AND team_id = $2 FOR UPDATE`
	countTeams = `SELECT count(*) FROM provisioned_teams WHERE organization_id = $1`
)

// load reads one team. It returns [provisioning.ErrNotProvisioned] if there is none.
func load(ctx context.Context, db database.Querier, organization, id uuid.UUID, members bool) (team, error) {
	t, err := database.One[team](ctx, db, provisioning.ErrNotProvisioned, selectOne, organization, members, id)
	if err != nil {
		return t, err
	}
	return t, nil
}

// resource returns the team as a SCIM resource.
func (t team) resource() (scim.Resource, error) {
	r := scim.Resource{"displayName": t.Name}
	if t.ExternalID != nil {
		r["externalId"] = *t.ExternalID
	}
	if len(t.Members) > 0 {
		members := make([]any, 0, len(t.Members))
		for _, id := range t.Members {
			members = append(members, map[string]any{"value": id.String(), "$ref": scim.User.Location(id.String())})
		}
		r["members"] = members
	}
	return r, scim.Group.Complete(r, t.ID.String(), t.CreatedAt, t.ChangedAt)
}

// desiredTeam is the state of a team that a normalized resource describes.
type desiredTeam struct {
	name     string
	external *string
	members  []uuid.UUID
}

const maxName = 100 // characters, as for every team

func parseTeam(r scim.Resource) (w desiredTeam, err error) {
	w.name, _ = r["displayName"].(string)
	w.name = strings.TrimSpace(w.name) // otherwise unchanged, because clients search for the name that they sent
	if _, ok := person.ParseDisplayName(w.name); !ok || utf8.RuneCountInString(w.name) > maxName {
		return w, scim.BadRequest(scim.InvalidValue, "displayName must have 1 to %d visible characters and no control characters", maxName)
	}
	if external, ok := r["externalId"].(string); ok && external != "" {
		w.external = &external
	}
	members, _ := r["members"].([]any)
	if len(members) > scim.MaxMembers {
		return w, scim.BadRequest(scim.InvalidValue, "A group can have at most %d members", scim.MaxMembers)
	}
	for _, m := range members {
		object, _ := m.(map[string]any)
		value, _ := object["value"].(string)
		id, err := uuid.Parse(value)
		if err != nil {
			return w, errMember
		}
		w.members = append(w.members, id)
	}
	return w, nil
}

var errMember = scim.BadRequest(scim.InvalidValue, "A member must be the id of a user provisioned to this organization. Nested groups are not supported.")
