// Package profiling defines the job that makes a version ready for queries: its key, its request
// and its progress.
package profiling

import (
	"context"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"function/shared/events"
	"function/shared/fault"
	"function/shared/job"
	"function/shared/outbox"
)

// Kind is the kind of the jobs that profile versions, and the name of the function that runs
// them.
const Kind = "datasets-profile"

// Spec identifies the job that profiles a version.
func Spec(dataset uuid.UUID, version int) job.Spec {
	return job.Spec{Kind: Kind, Key: dataset.String() + "/" + strconv.Itoa(version)}
}

// VersionOf returns the version that the job of Kind with this key profiles.
func VersionOf(key string) (dataset uuid.UUID, version int, err error) {
	id, number, _ := strings.Cut(key, "/")
	if dataset, err = uuid.Parse(id); err == nil {
		version, err = strconv.Atoi(number)
	}
	if err != nil {
		err = fault.New(fault.Invalid, "The key of this job does not identify a version of a data set").Because(err)
	}
	return dataset, version, err
}

// Request enqueues the job that profiles a version.
func Request(ctx context.Context, tx *outbox.Tx, organization, dataset uuid.UUID, version int) error {
	return job.Enqueue(ctx, tx, Spec(dataset, version),
		events.ProfileRequested{DatasetID: dataset, OrganizationID: organization, Version: version})
}
