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

// MaxSearched is how many people of an organization a filter that no index answers, or an
// order, looks through: what is sealed can be compared only here. More is SCIM's tooMany.
// Equality of id, userName, externalId and emails has no bound.
const MaxSearched = 50_000

// SearchBatch is how many people, or teams, are in memory at a time.
const SearchBatch = 500

// ProvisioningOperation is an operation on SCIM resources: declare is function.Get and the
// like, the path is below scim.BasePath.
func ProvisioningOperation(declare func(id, path, summary string, access function.Access) function.Operation, id, path, summary string) function.Operation {
	o := declare(id, scim.BasePath+path, summary, policy.ProvisioningWrite.OfServiceAccount()).
		Tagged("Provisioning").AnyQuery(). // providers add flags of their own
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

// ErrNotProvisioned tells that there is no such resource in the caller's organization.
var ErrNotProvisioned = &scim.Error{Status: http.StatusNotFound, Detail: "There is no such resource"}

// ProvisionedName names a SCIM resource, and which version of it is meant.
type ProvisionedName struct {
	ID      string `path:"id" maxLength:"100"`
	IfMatch string `header:"If-Match" maxLength:"1000"`
}

// UUID of a name; what is none names no resource.
func (n ProvisionedName) UUID() (uuid.UUID, error) {
	id, err := uuid.Parse(n.ID)
	if err != nil {
		return id, ErrNotProvisioned
	}
	return id, nil
}

// ProvisionedRequest asks for a SCIM resource.
type ProvisionedRequest struct {
	ProvisionedName
	scim.Shown
	IfNoneMatch string `header:"If-None-Match" maxLength:"1000"`
}

// ProvisionRequest is a SCIM resource that is new.
type ProvisionRequest struct {
	scim.Shown
	scim.Message
}

// ProvisionedChange changes a SCIM resource.
type ProvisionedChange struct {
	ProvisionedName
	scim.Shown
	scim.Message
}

// taken tells what each constraint means to a provisioning system.
var taken = map[string]string{
	"provisioned_people_user_name": "The userName belongs to another user",
	"provisioned_people_external":  "The externalId belongs to another user",
	"provisioned_people_email":     "The email address belongs to another user",
	"provisioned_people_person":    "The person is already provisioned as another user",
	"provisioned_teams_external":   "The externalId belongs to another group",
	person.EmailTaken:              "The email address belongs to another account",
	"teams_name":                   "The displayName belongs to another team of the organization. An admin can hand that team over to provisioning.",
}

// ProvisioningRefused turns the violation of a constraint, or a fault, into SCIM's error. A
// fault, which is what a provisioning system may not do, is put on record; what it has
// sent amiss is not.
func ProvisioningRefused(ctx context.Context, s store.Store, action string, id uuid.UUID, err error) error {
	if _, ok := fault.As(err); ok || database.Violates(err, "organization_owner") {
		err = act.Refused(ctx, s.DB, audit.Entry{Action: action, ResourceID: id.String(), Detail: map[string]any{"provisioned": true}}, err)
	}
	for constraint, detail := range taken {
		if database.Violates(err, constraint) {
			return &scim.Error{Status: http.StatusConflict, Kind: scim.Uniqueness, Detail: detail}
		}
	}
	switch {
	case database.Violates(err, "teams_parent"):
		return &scim.Error{Status: http.StatusConflict, Detail: "This team has subteams: move or delete them first"}
	case errors.Is(err, access.ErrSecondPerson):
		return scim.Wrong(scim.Mutability, "%s", access.ErrSecondPerson.Detail)
	case database.IsUnstorable(err):
		return scim.Wrong(scim.InvalidValue, "A string contains a character that cannot be stored, such as NUL")
	}
	return scim.Of(err)
}

// attributesField is what sealed SCIM attributes are bound to.
const attributesField = "provisioned_people.attributes"

// SealAttributes seals what SCIM has set of a person.
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

// MayMove refuses to have a provisioning system give a member another address, by which
// its reader becomes the member, unless the member may do nothing but what a member may,
// or the caller.
func MayMove(ctx context.Context, tx *outbox.Tx, caller auth.Caller, person uuid.UUID) error {
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

// LinkProvisioned ties a member to what a provisioning system has said of their
// address, from when on it is sealed with the person's own key, and brings them into
// the teams that waited for them, as far as by, who provisions them, may still put people
// there. It is for the transaction that makes a person who was invited a member, under
// the organization's lock; who has not been provisioned is no error.
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
	return joinWaiting(ctx, tx, by, id, user, organization)
}
