// Package importing makes a file at a URL the next version of a data set: POST
// /v1/datasets/{id}/import starts a job, which fetches the file into an upload
// (/v1/uploads/{upload_id}). The job runs when an import is requested, when it continues after its
// time limit, and once for each further attempt.
package importing

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"function/functions/datasets/internal/resumable"
	"function/functions/datasets/internal/staging"
	"function/functions/datasets/internal/transfer"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/egress"
	"function/shared/events"
	"function/shared/function"
	"function/shared/job"
	"function/shared/outbox"
	"function/shared/policy"
)

// kind is the kind of the jobs that import files, and the name of this function.
const kind = "datasets-import"

// Service declares the function.
var Service = function.Service(kind, New,
	function.On(function.Post(kind, "/v1/datasets/{id}/import", "Import a file from a URL as the next version", policy.DatasetsWrite).
		Status(http.StatusAccepted).
		Describe("The file is fetched in the background. `GET /v1/uploads/{upload_id}` shows how much has arrived, the version that it has become, or why it failed; DELETE ends it. "+
			"The URL must lead to a host on the Internet, also after redirects, of which there may be five. It is stored encrypted, because it may be signed. "+
			"A broken connection is resumed where the server supports it."), (*Function).Import),
	function.OnEvent((*Function).Handle),
	function.OnEvent((*Function).Failed),
).Uses(function.Owns(database.Datasets), function.Keys, function.Objects, function.Web)

// Request is the file to import.
type Request struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		URL string `json:"url" maxLength:"2048" doc:"An http or https URL without credentials" example:"https://example.com/weather.csv"`
		resumable.Options
	}
}

// Response identifies the upload into which the file is fetched.
type Response struct {
	Location string `header:"Location"`
	Body     struct {
		UploadID  uuid.UUID `json:"upload_id" format:"uuid"`
		DatasetID uuid.UUID `json:"dataset_id" format:"uuid"`
	}
}

// Function imports files.
type Function struct {
	store  *resumable.Store
	client *http.Client
	worker *job.Worker
}

// maxConcurrent limits the imports in one pod; each holds a part in memory.
const maxConcurrent = 8

// New connects the function to its database, key service and object storage.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	area, err := staging.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	keys, err := env.Keeper(ctx)
	limit := cmp.Or(env.Config.MaxUploadBytes, transfer.DefaultUploadLimit)
	return &Function{
		store:  &resumable.Store{DB: area.DB, Keys: keys, Area: area, Limit: limit},
		client: egress.NewClient(env.Config.ImportNetworks),
		worker: job.NewWorker(area.DB, maxConcurrent),
	}, err
}

// Import requests the import of a file.
func (f *Function) Import(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	u := &resumable.Upload{OrganizationID: caller.OrganizationID, CreatedBy: caller.UserID, DatasetID: in.ID, Kind: resumable.Import}
	if u.Target, err = target(in); err != nil {
		return nil, err
	}
	if err := f.store.Check(ctx, access.Of(caller), u); err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "datasets:import", ResourceID: in.ID.String()}
	err = act.Do(ctx, f.store.DB, entry, func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := f.store.Create(ctx, tx, u); err != nil {
			return err
		}
		entry.Detail = map[string]any{"upload": u.ID}
		return request(ctx, tx, u)
	})
	if err != nil {
		return nil, fmt.Errorf("request import: %w", err)
	}
	out := &Response{Location: "/v1/uploads/" + u.ID.String()}
	out.Body.UploadID, out.Body.DatasetID = u.ID, in.ID
	return out, nil
}

func target(in *Request) (t resumable.Target, err error) {
	if _, err := egress.Check(in.Body.URL); err != nil {
		return t, err
	}
	if t, err = in.Body.Options.Target(); err != nil {
		return t, err
	}
	t.Address = in.Body.URL
	return t, nil
}

func spec(e events.ImportRequested) job.Spec {
	return job.Spec{Kind: kind, Key: e.UploadID.String() + "/" + strconv.FormatInt(e.Offset, 10)}
}

// request enqueues the job that fetches the rest of a file.
func request(ctx context.Context, tx *outbox.Tx, u *resumable.Upload) error {
	e := events.ImportRequested{UploadID: u.ID, DatasetID: u.DatasetID, OrganizationID: u.OrganizationID, Offset: u.Received}
	return job.Enqueue(ctx, tx, spec(e), e)
}
