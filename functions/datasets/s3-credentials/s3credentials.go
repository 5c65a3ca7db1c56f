// Package s3credentials shows the S3 credentials of an API key (GET /v1/datasets/s3/credentials) and issues temporary ones
// (POST /v1/datasets/s3/credentials), with which S3 clients sign requests to datasets-s3.
package s3credentials

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/s3keys"
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

const path = "/v1/datasets/s3/credentials"

// Service declares the function.
var Service = function.Service("datasets-s3-credentials", New,
	function.On(function.Get("datasets-s3-credentials", path, "Show the S3 credentials of the API key that is presented", policy.DatasetsRead).
		Describe("For S3 clients that an API key configures for long. The credentials have the rights of the key, and end with it. "+
			"Configure the client with the endpoint, which is the platform's own URL, path-style addresses, and the region. Data sets are buckets, `s3://customer-data/latest/part-00000.parquet`."),
		(*Function).Show),
	function.On(function.Post("datasets-issue-s3-credentials", path, "Issue temporary S3 credentials", policy.DatasetsRead).
		Status(http.StatusCreated).
		Describe("They have the rights that the session or API key has when they are used, and end with it. Without a body they are valid for an hour."),
		(*Function).Issue),
).Uses(function.Owns(database.Datasets), function.Keys)

// Function issues credentials.
type Function struct {
	db       *outbox.DB
	issuer   s3keys.Issuer
	endpoint string
}

// New connects the function to its database and key service.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keeper(ctx)
	return &Function{db: db, issuer: s3keys.Issuer{Keys: keys}, endpoint: env.Config.PublicURL}, err
}

// ShowRequest presents an API key.
type ShowRequest struct {
	Authorization string `header:"Authorization" hidden:"true"`
}

// Response is what an S3 client is configured with.
type Response struct {
	Body struct {
		s3keys.Credentials
		Region   string `json:"region" doc:"That clients name"`
		Endpoint string `json:"endpoint,omitempty" format:"uri" doc:"Of the platform"`
	}
}

func (f *Function) response(c s3keys.Credentials) *Response {
	out := &Response{}
	out.Body.Credentials, out.Body.Region, out.Body.Endpoint = c, s3keys.Region, f.endpoint
	return out
}

// Show returns the credentials of the caller's API key.
func (f *Function) Show(ctx context.Context, in *ShowRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	_, key, _ := strings.Cut(in.Authorization, " ")
	if key = strings.TrimSpace(key); !auth.IsAPIKey(key) {
		return nil, fault.At("header.Authorization", "only an API key has lasting S3 credentials: present it as the bearer token, or get temporary credentials with POST %s", path)
	}
	return f.response(f.issuer.OfAPIKey(caller, key)), nil
}

// IssueRequest says what the credentials allow.
type IssueRequest struct {
	Body *struct {
		DurationSeconds int        `json:"duration_seconds,omitempty" minimum:"1" maximum:"3600" default:"3600" doc:"How long they are valid"`
		DatasetID       *uuid.UUID `json:"dataset_id,omitempty" format:"uuid" doc:"The only data set that they give access to; absent: every one that the caller may read"`
		ReadOnly        bool       `json:"read_only,omitempty" doc:"Whether they only allow to read"`
	}
}

// Issue returns new temporary credentials.
func (f *Function) Issue(ctx context.Context, in *IssueRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	var limits s3keys.Limits
	duration := s3keys.MaxDuration
	if in.Body != nil {
		limits = s3keys.Limits{DatasetID: in.Body.DatasetID, ReadOnly: in.Body.ReadOnly}
		duration = cmp.Or(time.Duration(in.Body.DurationSeconds)*time.Second, duration)
	}
	entry := audit.Entry{Action: "datasets:issue_s3_credentials", Detail: map[string]any{"read_only": limits.ReadOnly}}
	if limits.DatasetID != nil {
		if err := dataset.ReadableOfAnyKind(ctx, f.db, *limits.DatasetID, access.Of(caller)); err != nil {
			return nil, err
		}
		entry.ResourceID = limits.DatasetID.String()
	}
	c, err := f.issuer.Temporary(caller, limits, duration)
	if err != nil {
		return nil, err
	}
	err = act.Do(ctx, f.db, entry, func(_ *outbox.Tx, entry *audit.Entry) error {
		entry.Detail["access_key_id"], entry.Detail["expires_at"] = c.AccessKeyID, c.ExpiresAt
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f.response(c), nil
}
