// Package organizationsettings shows and changes what an organization decides for its
// members: GET and PATCH /v1/organizations/{id}/settings.
package organizationsettings

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// The HTTP operations.
var (
	GetOperation = huma.Operation{
		OperationID: "users-get-organization-settings", Method: http.MethodGet, Path: "/v1/organizations/{id}/settings",
		Summary: "Settings of your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.OrganizationsRead),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	ChangeOperation = huma.Operation{
		OperationID: "users-change-organization-settings", Method: http.MethodPatch, Path: "/v1/organizations/{id}/settings",
		Summary: "Change settings of your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.OrganizationsWrite),
		Description: "A merge patch (RFC 7396): what is absent stays, null is the default again. To demand no second factor any more needs a fresh proof of who you are; require_second_person ends by DELETE /v1/organizations/{id}/settings/require_second_person.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(GetOperation, (*Function).Get),
	function.On(ChangeOperation, (*Function).Change),
}

// Request names an organization.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Patch is some settings; null stands for the default.
type Patch map[string]any

// Schema implements huma.SchemaProvider: that of the settings, all of them optional and
// nullable.
func (Patch) Schema(r huma.Registry) *huma.Schema {
	s := huma.SchemaFromType(r, reflect.TypeFor[users.Settings]())
	properties := map[string]*huma.Schema{}
	for name, property := range s.Properties {
		nullable := *property
		nullable.Nullable = true
		properties[name] = &nullable
	}
	patch := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: properties}
	patch.PrecomputeMessages()
	return patch
}

// ChangeRequest is the patch.
type ChangeRequest struct {
	Request
	Body Patch `contentType:"application/merge-patch+json"`
}

// Response is the settings now in force.
type Response struct{ Body users.Settings }

// Function keeps settings.
type Function struct{ users.Store }

// New opens the organizations.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

// Get shows the settings.
func (f *Function) Get(ctx context.Context, in *Request) (*Response, error) {
	if _, err := users.InOwn(ctx, in.ID); err != nil {
		return nil, err
	}
	settings, err := users.SettingsOf(ctx, f.DB, in.ID)
	return &Response{Body: settings}, err
}

const (
	selectDecided = `SELECT settings FROM organizations WHERE id = $1`
	setDecided    = `UPDATE organizations SET settings = $2 WHERE id = $1`
	countDeciders = `
SELECT count(*) FROM (
    SELECT FROM memberships m CROSS JOIN LATERAL roles_of(m.user_id, m.organization_id) AS roles
    WHERE m.organization_id = $1 AND m.status = 'active' AND (roles && $2 OR $3 = ANY (permissions_of($1, roles))) LIMIT 2
) deciders`
)

// Change merges the patch into what the organization has decided so far.
func (f *Function) Change(ctx context.Context, in *ChangeRequest) (*Response, error) {
	caller, err := users.InOwn(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var after users.Settings
	err = f.Act(ctx, audit.Entry{Action: "organizations:change_settings", ResourceID: in.ID.String(), Detail: in.Body}, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := users.LockOrganization(ctx, tx, in.ID); err != nil {
			return err
		}
		before, err := users.SettingsOf(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		if err := merge(ctx, tx, in.ID, in.Body); err != nil {
			return err
		}
		if after, err = users.SettingsOf(ctx, tx, in.ID); err != nil {
			return err
		}
		switch {
		case before.RequireSecondPerson && !after.RequireSecondPerson:
			return fault.New(fault.Conflict, "That a second person approves changes of roles ends when a second person approves it: DELETE /v1/organizations/{id}/settings/require_second_person")
		case !before.RequireSecondPerson && after.RequireSecondPerson:
			return needDeciders(ctx, tx, in.ID)
		case before.RequireSecondFactor && !after.RequireSecondFactor:
			return users.Fresh(caller)
		}
		return nil
	})
	return &Response{Body: after}, err
}

// merge is RFC 7396 for an object without objects in it.
func merge(ctx context.Context, tx pgx.Tx, organization uuid.UUID, patch Patch) error {
	decided := Patch{}
	if err := tx.QueryRow(ctx, selectDecided, organization).Scan(&decided); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	maps.Copy(decided, patch)
	maps.DeleteFunc(decided, func(_ string, value any) bool { return value == nil })
	if _, err := tx.Exec(ctx, setDecided, organization, decided); err != nil {
		return fmt.Errorf("set settings: %w", err)
	}
	return nil
}

// needDeciders refuses a rule that nobody could fulfil, and nobody could end.
func needDeciders(ctx context.Context, tx pgx.Tx, organization uuid.UUID) error {
	var mighty []string
	for _, role := range policy.BuiltIn() {
		if slices.Contains(policy.Permissions(role), policy.RolesApprove) {
			mighty = append(mighty, role)
		}
	}
	var deciders int
	if err := tx.QueryRow(ctx, countDeciders, organization, mighty, policy.RolesApprove).Scan(&deciders); err != nil {
		return fmt.Errorf("count those who can approve: %w", err)
	}
	if deciders < 2 {
		return fault.New(fault.Conflict, "Nobody else could approve a change of roles: give a second member a role that allows %s first", policy.RolesApprove)
	}
	return nil
}
