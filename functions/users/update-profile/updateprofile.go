// Package updateprofile changes the parts of a profile that the person maintains, such as names
// and preferences: PATCH /v1/users/profile.
package updateprofile

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Patch("users-update-profile", "/v1/users/profile", "Change your profile", policy.Person).
	Fails(fault.Malformed, fault.PreconditionFailed, fault.TooLarge, fault.Unsupported).Takes(requestBody, person.MaxChange).
	Describe("A JSON Merge Patch (RFC 7396): absent members stay, null removes, objects are merged. A profile can have at most 64 KiB, 10 levels and 1,000 keys."), New).
	Uses(function.Owns(database.Users), function.Keys, function.Documents)

// patchSchema is the schema of a patch. [person.Changeable] validates it.
var patchSchema = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{
	"first_name":   {Type: huma.TypeString, Description: "1 to 100 characters"},
	"last_name":    {Type: huma.TypeString, Description: "1 to 100 characters"},
	"display_name": {Type: huma.TypeString, Nullable: true, Description: "How others should see your name, up to 200 characters", Examples: []any{"Ada L."}},
	"locale":       {Type: huma.TypeString, Nullable: true, Description: "Language tag (BCP 47), such as de-CH"},
	"time_zone":    {Type: huma.TypeString, Nullable: true, Description: "Name in the IANA time zone database, such as Europe/Zurich"},
	"picture_url":  {Type: huma.TypeString, Nullable: true, Description: "https"},
	"preferences":  {Type: huma.TypeObject, Nullable: true, AdditionalProperties: true, Description: "Settings that applications store for you"},
	"attributes":   {Type: huma.TypeObject, Nullable: true, AdditionalProperties: true, Description: "Anything else about you"},
}}

var requestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
	"application/merge-patch+json": {Extensions: map[string]any{"schema": patchSchema}},
	"application/json":             {Extensions: map[string]any{"schema": patchSchema}},
}}

// Request contains the patch.
type Request struct {
	IfMatch string `header:"If-Match" maxLength:"1000" doc:"ETag, or list of ETags, of the profile to change; absent or *: any"`
	function.Raw
}

// Response contains the resulting profile.
type Response struct {
	ETag string `header:"ETag"`
	Body person.Profile
}

// Function changes profiles.
type Function struct {
	store    store.Store
	profiles person.Profiles
}

// New opens the store and the document store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	profiles, err := person.OpenProfiles(env)
	return &Function{store, profiles}, err
}

const (
	lockPerson    = `SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE`
	updateProfile = `
UPDATE users SET first_name = $2, last_name = $3, profile_document = $4, profile_revision = profile_revision + 1 WHERE id = $1
RETURNING profile_revision`
)

// Handle changes the profile in one transaction, whose commit makes the change effective. This
// also holds for MongoDB, where the new document is stored first but not referenced until the
// row that points to it is committed.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	patch, err := in.Bytes()
	if err != nil {
		return nil, err
	}
	var now person.StoredProfile
	var replaced *uuid.UUID
	err = f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if _, err := tx.Exec(ctx, lockPerson, caller.UserID); err != nil {
			return fmt.Errorf("lock profile: %w", err)
		}
		if now, err = f.profiles.Read(ctx, f.store, tx, caller); err != nil {
			return err
		}
		if in.IfMatch != "" && !matches(in.IfMatch, now.ETag()) {
			return fault.New(fault.PreconditionFailed, "The profile has changed since you read it: read it again and repeat your change")
		}
		replaced = now.Document
		return f.change(ctx, tx, &now, patch)
	})
	if err != nil {
		return nil, err
	}
	if replaced != nil && *replaced != *now.Document {
		f.profiles.DeleteUnreferenced(context.WithoutCancel(ctx), f.store.DB, replaced)
	}
	return &Response{ETag: now.ETag(), Body: now.Profile}, nil
}

// matches is the strong comparison of entity tags (RFC 9110 §13.1.1). It requires that the
// entity tag contains no comma.
func matches(ifMatch, etag string) bool {
	for tag := range strings.SplitSeq(ifMatch, ",") {
		if tag = strings.TrimSpace(tag); tag == etag || tag == "*" {
			return true
		}
	}
	return false
}

// change applies the patch and increments the profile's revision, unless the patch changes
// nothing.
func (f *Function) change(ctx context.Context, tx *outbox.Tx, p *person.StoredProfile, patch []byte) error {
	changed, fields, err := person.Changeable{FirstName: p.FirstName, LastName: p.LastName, Extras: p.Extras}.Change(patch)
	if err != nil || len(fields) == 0 {
		return err
	}
	name, err := person.Name{Email: p.Email, FirstName: changed.FirstName, LastName: changed.LastName}.Seal(p.Key)
	if err != nil {
		return err
	}
	document, err := f.profiles.Put(ctx, tx, p.Key, changed.Extras)
	if err != nil {
		return err
	}
	p.FirstName, p.LastName, p.Extras, p.Document = changed.FirstName, changed.LastName, changed.Extras, &document
	if err := tx.QueryRow(ctx, updateProfile, p.ID, name.FirstName, name.LastName, document).Scan(&p.Revision); err != nil {
		return fmt.Errorf("update profile: %w", err)
	}
	if err := audit.Record(ctx, tx, audit.Entry{Action: "profile:change", ResourceID: p.ID.String(), Detail: map[string]any{"fields": fields}}); err != nil {
		return err
	}
	return tx.Publish(ctx, events.ProfileChanged{UserID: p.ID, OrganizationID: p.OrganizationID, Fields: fields, ChangedAt: time.Now().UTC()})
}
