// Package directupload lets a client put a file into the bucket itself. POST
// /v1/datasets/{id}/uploads/direct starts an upload (/v1/uploads/{upload_id}) and answers a signed URL,
// at which the client puts the file. POST …/complete starts a job, which seals the file and makes it the
// next version. Until then the file lies in the bucket in plain text, so DIRECT_UPLOADS must allow it.
package directupload

import (
	"cmp"
	"context"
	"net/http"

	"github.com/google/uuid"

	"function/functions/datasets/internal/resumable"
	"function/functions/datasets/internal/staging"
	"function/functions/datasets/internal/transfer"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/job"
	"function/shared/policy"
)

// kind is the kind of the jobs that seal files, and the name of this function.
const kind = "datasets-direct-upload"

const path = "/v1/datasets/{id}/uploads"

// Service declares the function.
var Service = function.Service(kind, New,
	function.On(function.Post("datasets-start-direct-upload", path+"/direct", "Start an upload into the bucket by a signed URL", policy.DatasetsWrite).
		Status(http.StatusCreated).Fails(fault.Conflict, fault.TooLarge).
		Describe("Answers a URL of the bucket. PUT the file there with the `headers` of the answer, and complete the upload then. "+
			"The URL allows one PUT of `size` bytes, which must begin within an hour. The file lies in the bucket in plain text until the upload is complete, is deleted, or has expired after a day. "+
			"Where the deployment does not allow this, or the storage cannot sign URLs, the answer is 409: use resumable uploads (`POST /v1/uploads`)."), (*Function).Start),
	function.On(function.Post("datasets-complete-direct-upload", path+"/{upload}/complete", "Make the file that was put into the bucket the next version", policy.DatasetsWrite).
		Status(http.StatusAccepted).Fails(fault.Conflict, fault.Gone).
		Describe("The file is encrypted, checked against `size` and `sha256`, and deleted from where it was put, in the background. "+
			"`GET /v1/uploads/{upload_id}` shows how far that is, the version that the file has become, or why it failed. Repeating the request changes nothing."), (*Function).Complete),
	function.OnEvent((*Function).Handle),
	function.OnEvent((*Function).Failed),
).Uses(function.Owns(database.Datasets), function.Keys, function.Objects)

// Function receives direct uploads.
type Function struct {
	store   *resumable.Store
	worker  *job.Worker
	allowed bool
}

// maxConcurrent limits the files that one pod seals at a time; each holds a part in memory.
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
		store:   &resumable.Store{DB: area.DB, Keys: keys, Area: area, Limit: limit},
		worker:  job.NewWorker(area.DB, maxConcurrent),
		allowed: env.Config.DirectUploads,
	}, err
}

// Reference identifies an upload.
type Reference struct {
	UploadID  uuid.UUID `json:"upload_id" format:"uuid"`
	DatasetID uuid.UUID `json:"dataset_id" format:"uuid"`
}

func (r Reference) location() string { return "/v1/uploads/" + r.UploadID.String() }
