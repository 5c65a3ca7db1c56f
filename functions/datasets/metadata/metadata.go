// Package metadata manages what people say about a data set: GET and PATCH
// /v1/datasets/{id}/metadata.
package metadata

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

const path = "/v1/datasets/{id}/metadata"

// Service declares the function.
var Service = function.Service("datasets-metadata", New,
	function.On(function.Get("datasets-get-metadata", path, "Show what is said about a data set", policy.DatasetsRead), (*Function).Get),
	function.On(function.Patch("datasets-change-metadata", path, "Change what is said about a data set", policy.DatasetsWrite).
		Fails(fault.PreconditionFailed).
		Describe("Members that are absent stay as they are, and others are replaced. Of columns, those that are named are replaced; one without any member is removed. "+
			"Searches find the change as soon as this request is answered. Another owner can be set only with the permission datasets:govern, because the owner of a restricted data set may read it."), (*Function).Change),
).Uses(function.Owns(database.Datasets))

// Column is what is said about a column.
type Column struct {
	Description string   `json:"description,omitempty" maxLength:"10000" pattern:"^[^\\x00]*$"`
	Tags        []string `json:"tags,omitempty" nullable:"false" maxItems:"50" maxLength:"100" pattern:"^[^\\x00-\\x1f]+$"`
	Terms       []string `json:"terms,omitempty" nullable:"false" maxItems:"50" doc:"Terms of the glossary"`
}

// DescribedColumn is what is said about a column, and whether there is one.
type DescribedColumn struct {
	Column
	Missing bool `json:"missing,omitempty" doc:"The current version has no column with this name"`
}

// Metadata is what is said about a data set.
type Metadata struct {
	Description   string                     `json:"description"`
	Owner         uuid.UUID                  `json:"owner" format:"uuid" doc:"At first, whoever created the data set"`
	Stewards      []uuid.UUID                `json:"stewards" nullable:"false" doc:"People to ask about the data"`
	Domain        string                     `json:"domain"`
	Tags          []string                   `json:"tags" nullable:"false"`
	Terms         []string                   `json:"terms" nullable:"false"`
	Columns       map[string]DescribedColumn `json:"columns" nullable:"false" doc:"By the names of columns"`
	SearchColumns []string                   `json:"search_columns" nullable:"false"`
	ChangedBy     *uuid.UUID                 `json:"changed_by,omitempty" format:"uuid"`
	ChangedAt     *time.Time                 `json:"changed_at,omitempty"`
}

// Change is a change of metadata.
type Change struct {
	Description   *string           `json:"description,omitempty" maxLength:"10000" pattern:"^[^\\x00]*$"`
	Owner         *uuid.UUID        `json:"owner,omitempty" format:"uuid" doc:"A person or a service account"`
	Stewards      []uuid.UUID       `json:"stewards,omitempty" nullable:"false" maxItems:"50" doc:"People to ask about the data"`
	Domain        *string           `json:"domain,omitempty" maxLength:"100" pattern:"^[^\\x00-\\x1f]*$" doc:"The part of the organization that the data belongs to; empty: none" example:"Sales"`
	Tags          []string          `json:"tags,omitempty" nullable:"false" maxItems:"50" maxLength:"100" pattern:"^[^\\x00-\\x1f]+$" example:"[\"gold\"]"`
	Terms         []string          `json:"terms,omitempty" nullable:"false" maxItems:"50" doc:"Terms of the glossary (PUT /v1/datasets/glossary/terms/{term})" example:"[\"Net Revenue\"]"`
	Columns       map[string]Column `json:"columns,omitempty" nullable:"false" doc:"By the names of columns of the current version"`
	SearchColumns []string          `json:"search_columns,omitempty" nullable:"false" maxItems:"50" doc:"Columns of text whose ten most frequent values, as the profile has them, are found by searches. Everybody who may read the data set finds them, so values are left out while a policy masks the column or hides rows"`
}

// Request identifies the data set.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// ChangeRequest is the change.
type ChangeRequest struct {
	Request
	IfMatch string `header:"If-Match" maxLength:"1000" doc:"ETag, or list of ETags, of the metadata to change; absent or *: any"`
	Body    Change
}

// Response is the metadata.
type Response struct {
	ETag string `header:"ETag" doc:"Send it as If-Match to change the metadata only if nobody else has"`
	Body Metadata
}

// Function manages metadata.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

// Get shows the metadata.
func (f *Function) Get(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	s, err := load(ctx, f.db, in.ID, access.Of(caller))
	if err != nil {
		return nil, err
	}
	return &Response{ETag: s.etag(), Body: s.metadata()}, nil
}

// Change changes the metadata.
func (f *Function) Change(ctx context.Context, in *ChangeRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	reader, out := access.Of(caller), &Response{}
	err = act.Do(ctx, f.db, audit.Entry{Action: "datasets:change_metadata", ResourceID: in.ID.String()}, func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := dataset.LockAny(ctx, tx, in.ID, reader); err != nil {
			return err
		}
		s, err := load(ctx, tx, in.ID, reader)
		if err != nil {
			return err
		}
		if in.IfMatch != "" && !matches(in.IfMatch, s.etag()) {
			return fault.New(fault.PreconditionFailed, "The metadata has changed since you read it: read it again and repeat your change")
		}
		if in.Body.Owner != nil && *in.Body.Owner != s.Owner {
			if !reader.Governs || caller.Subject.Impersonated {
				return fault.New(fault.Forbidden, "Only those with the permission datasets:govern can set another owner, and not while acting as somebody else")
			}
			entry.Detail = map[string]any{"owner": *in.Body.Owner}
		}
		if err := s.apply(in.Body); err != nil {
			return err
		}
		if err := s.save(ctx, tx, in.ID, caller); err != nil {
			return err
		}
		if s, err = load(ctx, tx, in.ID, access.Platform(caller.OrganizationID)); err != nil {
			return fmt.Errorf("read changed metadata: %w", err)
		}
		out.ETag, out.Body = s.etag(), s.metadata()
		return nil
	})
	return out, err
}

// matches is the strong comparison of entity tags (RFC 9110 §13.1.1).
func matches(ifMatch, etag string) bool {
	for tag := range strings.SplitSeq(ifMatch, ",") {
		if tag = strings.TrimSpace(tag); tag == etag || tag == "*" {
			return true
		}
	}
	return false
}
