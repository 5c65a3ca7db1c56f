package provisioning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/functions/users/internal/person"
	"function/functions/users/internal/provisioning/scim"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/secret"
)

// MaxSearched limits the people of an organization that a search scans if no index answers its
// filter or it is sorted, since sealed attributes can only be compared in memory. Beyond the
// limit the search fails with SCIM's tooMany. Searches for an equal id, userName, externalId or
// email are not limited.
const MaxSearched = 50_000

// SearchBatch is the number of people or teams that a search holds in memory at a time.
const SearchBatch = 500

// ProvisioningOperation declares an operation on SCIM resources. declare is [function.Get] or a
// similar function; path is relative to [scim.BasePath].
func ProvisioningOperation(declare func(id, path, summary string, access function.Access) function.Operation, id, path, summary string) function.Operation {
	o := declare(id, scim.BasePath+path, summary, policy.ProvisioningWrite.OfServiceAccount()).
		Tagged("Provisioning").AnyQuery(). // identity providers add parameters of their own
		Describe("RFC 7644. Errors use SCIM's format, except errors about the caller's token. An inactive person has no roles and no sessions in your organization but keeps the account for other organizations.")
	object := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
	status, answer := http.StatusOK, &huma.Response{Content: map[string]*huma.MediaType{scim.MediaType: {Schema: object}}}
	switch {
	case o.Method == http.MethodPost && !strings.HasSuffix(path, "/.search"):
		status = http.StatusCreated
	case o.Method == http.MethodDelete:
		status, answer.Content = http.StatusNoContent, nil
	}
	answer.Description = http.StatusText(status)
	if slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch}, o.Method) {
		o = o.Takes(&huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{scim.MediaType: {Extensions: map[string]any{"schema": object}}}}, 0)
	}
	return o.Status(status).Answers(map[string]*huma.Response{strconv.Itoa(status): answer})
}

// ErrNotProvisioned is returned if the caller's organization has no such resource.
var ErrNotProvisioned = &scim.Error{Status: http.StatusNotFound, Detail: "There is no such resource"}

// ProvisionedName identifies a SCIM resource and, in If-Match, the expected version.
type ProvisionedName struct {
	ID      string `path:"id" maxLength:"100"`
	IfMatch string `header:"If-Match" maxLength:"1000"`
}

// UUID parses the identifier. A malformed one is [ErrNotProvisioned].
func (n ProvisionedName) UUID() (uuid.UUID, error) {
	id, err := uuid.Parse(n.ID)
	if err != nil {
		return id, ErrNotProvisioned
	}
	return id, nil
}

// ProvisionedRequest is a request to read a SCIM resource.
type ProvisionedRequest struct {
	ProvisionedName
	scim.Shown
	IfNoneMatch string `header:"If-None-Match" maxLength:"1000"`
}

// ProvisionRequest is a request to create a SCIM resource.
type ProvisionRequest struct {
	scim.Shown
	scim.Message
}

// ProvisionedChange is a request to change a SCIM resource.
type ProvisionedChange struct {
	ProvisionedName
	scim.Shown
	scim.Message
}

// constraintDetails explains violated constraints to a provisioning system.
var constraintDetails = map[string]string{
	"provisioned_people_user_name": "The userName belongs to another user",
	"provisioned_people_external":  "The externalId belongs to another user",
	"provisioned_people_email":     "The email address belongs to another user",
	"provisioned_people_person":    "The person is already provisioned as another user",
	"provisioned_teams_external":   "The externalId belongs to another group",
	person.EmailTaken:              "The email address belongs to another account",
	"teams_name":                   "The displayName belongs to another team of the organization. An admin can hand that team over to provisioning.",
}

// ProvisioningRefused converts a violated constraint or a fault to a SCIM error. Faults, which
// mean that the provisioning system lacks a right, are recorded in the audit trail; invalid
// input is not.
func ProvisioningRefused(ctx context.Context, s store.Store, action string, id uuid.UUID, err error) error {
	if _, ok := fault.As(err); ok || database.Violates(err, "organization_owner") {
		err = act.Refused(ctx, s.DB, audit.Entry{Action: action, ResourceID: id.String(), Detail: map[string]any{"provisioned": true}}, err)
	}
	for constraint, detail := range constraintDetails {
		if database.Violates(err, constraint) {
			return &scim.Error{Status: http.StatusConflict, Kind: scim.Uniqueness, Detail: detail}
		}
	}
	switch {
	case database.Violates(err, "teams_parent"):
		return &scim.Error{Status: http.StatusConflict, Detail: "This team has subteams: move or delete them first"}
	case errors.Is(err, access.ErrSecondPerson):
		return scim.BadRequest(scim.Mutability, "%s", access.ErrSecondPerson.Detail)
	case database.IsUnstorable(err):
		return scim.BadRequest(scim.InvalidValue, "A string contains a character that cannot be stored, such as NUL")
	}
	return scim.FromFault(err)
}

// attributesField is the encryption context of sealed SCIM attributes.
const attributesField = "provisioned_people.attributes"

// SealAttributes seals the attributes that SCIM has set for a person.
func SealAttributes(key []byte, r scim.Resource) ([]byte, error) {
	plain, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode SCIM attributes: %w", err)
	}
	return secret.Seal(key, attributesField, string(plain))
}

// OpenAttributes reverses SealAttributes.
func OpenAttributes(key, sealed []byte) (r scim.Resource, err error) {
	plain, err := secret.Unseal(key, attributesField, sealed)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(plain), &r); err != nil {
		return nil, fmt.Errorf("decode SCIM attributes: %w", err)
	}
	return r, nil
}

// MayChangeAddress refuses to let a provisioning system change the address of a person who has more
// rights than both a member and the caller, because whoever reads the new address can take over
// the account.
func MayChangeAddress(ctx context.Context, tx *outbox.Tx, caller auth.Caller, person uuid.UUID) error {
	theirs, err := access.SubjectOf(ctx, tx, caller.OrganizationID, person)
	if err != nil {
		return err
	}
	beyond := slices.DeleteFunc(policy.Grantable(), func(p policy.Permission) bool {
		return slices.Contains(policy.Permissions(policy.Member), p) || !policy.Covers(theirs, []policy.Permission{p})
	})
	if theirs.BlockedBy != "" || !policy.Covers(caller.Subject, beyond) {
		return fault.New(fault.Forbidden, "This person has more rights here than a member and than this key, so only they can change their address (POST /v1/users/email/change)")
	}
	return nil
}

const (
	selectUnlinked = `
SELECT p.id, p.wrapped_key, p.attributes FROM provisioned_people p JOIN users u ON u.email_index = p.email_index
WHERE u.id = $1 AND p.organization_id = $2 AND p.user_id IS NULL
  AND NOT EXISTS (SELECT FROM provisioned_people o WHERE o.user_id = $1 AND o.organization_id = $2)
FOR UPDATE OF p`
	linkPerson = `UPDATE provisioned_people SET user_id = $2, wrapped_key = NULL, attributes = $3 WHERE id = $1`
)

// LinkProvisioned links a new member to the provisioned person with the same address, seals the
// provisioned attributes with the member's own key, and adds the member to the teams that waited
// for them, as far as by, who provisions them, may still do so. It runs in the transaction that
// makes an invited person a member, under the organization's lock. It does nothing for a person
// who was not provisioned.
func LinkProvisioned(ctx context.Context, s store.Store, tx *outbox.Tx, by, user, organization uuid.UUID) error {
	var id uuid.UUID
	var wrapped, sealed []byte
	err := tx.QueryRow(ctx, selectUnlinked, user, organization).Scan(&id, &wrapped, &sealed)
	if database.IsNoRows(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for provisioned person: %w", err)
	}
	own, err := s.Keeper.Unwrap(ctx, wrapped)
	if err != nil {
		return err
	}
	attributes, err := OpenAttributes(own, sealed)
	if err != nil {
		return err
	}
	key, err := person.KeyOf(ctx, s, tx, user)
	if err != nil {
		return err
	}
	if sealed, err = SealAttributes(key, attributes); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, linkPerson, id, user, sealed); err != nil {
		return fmt.Errorf("link provisioned person: %w", err)
	}
	return joinWaitingTeams(ctx, tx, by, id, user, organization)
}
