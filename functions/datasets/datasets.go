// Package datasets lists the functions that manage data sets: uploaded tables, their versions and
// their profiles, JSON documents, and objects. Each function is one folder and one Knative Service.
package datasets

import (
	"time"

	acceptversion "function/functions/datasets/accept-version"
	accessrequests "function/functions/datasets/access-requests"
	"function/functions/datasets/archive"
	"function/functions/datasets/branches"
	checkfreshness "function/functions/datasets/check-freshness"
	"function/functions/datasets/contract"
	"function/functions/datasets/create"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/derive"
	"function/functions/datasets/diff"
	directupload "function/functions/datasets/direct-upload"
	"function/functions/datasets/dispose"
	"function/functions/datasets/documents"
	"function/functions/datasets/download"
	eraseorganization "function/functions/datasets/erase-organization"
	failversion "function/functions/datasets/fail-version"
	feedsearch "function/functions/datasets/feed-search"
	"function/functions/datasets/get"
	getprofile "function/functions/datasets/get-profile"
	getusage "function/functions/datasets/get-usage"
	"function/functions/datasets/glossary"
	"function/functions/datasets/hold"
	"function/functions/datasets/iceberg"
	importing "function/functions/datasets/import"
	"function/functions/datasets/jobs"
	"function/functions/datasets/lifecycle"
	"function/functions/datasets/lineage"
	"function/functions/datasets/list"
	mergebranch "function/functions/datasets/merge-branch"
	"function/functions/datasets/metadata"
	"function/functions/datasets/objects"
	personaldata "function/functions/datasets/personal-data"
	"function/functions/datasets/policies"
	"function/functions/datasets/profile"
	"function/functions/datasets/proposals"
	"function/functions/datasets/protect"
	"function/functions/datasets/quality"
	rebuildsearch "function/functions/datasets/rebuild-search"
	"function/functions/datasets/recall"
	recordlineage "function/functions/datasets/record-lineage"
	recordreport "function/functions/datasets/record-report"
	recordusage "function/functions/datasets/record-usage"
	"function/functions/datasets/replicate"
	restoreversion "function/functions/datasets/restore-version"
	"function/functions/datasets/retry"
	rewrapkeys "function/functions/datasets/rewrap-keys"
	"function/functions/datasets/s3"
	s3credentials "function/functions/datasets/s3-credentials"
	"function/functions/datasets/search"
	setvisibility "function/functions/datasets/set-visibility"
	"function/functions/datasets/shares"
	"function/functions/datasets/status"
	"function/functions/datasets/tags"
	"function/functions/datasets/undelete"
	"function/functions/datasets/upload"
	"function/functions/datasets/uploads"
	"function/functions/datasets/versions"
	"function/shared/function"
)

// Functions are the functions of the datasets domain.
var Functions = []function.Declaration{
	create.Service,
	list.Service,
	get.Service,
	status.Service,
	deletion.Service,
	upload.Service.
		Scaled(function.Scale{Memory: "512Mi", CPU: "2", Concurrency: 16, Timeout: 10 * time.Minute}),
	uploads.Service.
		Scaled(function.Scale{Memory: "512Mi", CPU: "2", Concurrency: 16, Timeout: 10 * time.Minute}),
	directupload.Service.
		Scaled(function.Scale{Memory: "512Mi", CPU: "2", Concurrency: 8, Timeout: 10 * time.Minute}),
	importing.Service.
		Scaled(function.Scale{Memory: "512Mi", CPU: "2", Concurrency: 8, Timeout: 10 * time.Minute}),
	download.Service.
		Scaled(function.Scale{Memory: "1Gi", CPU: "2", Concurrency: 16, Timeout: 10 * time.Minute}),

	// The history of a data set.
	versions.Service,
	restoreversion.Service,
	tags.Service,
	branches.Service,
	mergebranch.Service,
	diff.Service.
		Scaled(function.Scale{Memory: "768Mi", CPU: "2", Concurrency: 1, Timeout: 10 * time.Minute}),
	proposals.Service,
	protect.Service,
	lifecycle.Service,
	hold.Service,
	undelete.Service,

	// Data sets whose versions are results of queries, and from what each version was made.
	derive.Service.
		Scaled(function.Scale{Memory: "512Mi"}),
	lineage.Service,
	recordlineage.Service,
	recordreport.Service,

	// Profiling of uploaded versions.
	profile.Service.
		Scaled(function.Scale{Memory: "768Mi", CPU: "2", Concurrency: 1, Timeout: 10 * time.Minute}),
	failversion.Service,
	getprofile.Service,
	retry.Service,
	jobs.Service.
		Scaled(function.Scale{Timeout: 10 * time.Minute}),

	// Quality: contracts, and how versions meet them.
	contract.Service,
	quality.Service,
	acceptversion.Service,
	checkfreshness.Service,

	// Who may read a data set, and what of it.
	setvisibility.Service,
	shares.Service,
	accessrequests.Service,
	policies.Service,
	personaldata.Service,

	// The catalogue: what is said about data sets, who reads them, and searches.
	metadata.Service,
	glossary.Service,
	getusage.Service,
	recordusage.Service,
	feedsearch.Service.
		Scaled(function.Scale{Concurrency: 1, Timeout: 10 * time.Minute}),
	search.Service,

	// JSON documents.
	documents.Service.
		Scaled(function.Scale{Memory: "512Mi", CPU: "2", Concurrency: 16}),

	// Objects: pictures, audio, PDF and other files.
	objects.Service.
		Scaled(function.Scale{Memory: "512Mi", CPU: "2", Concurrency: 16, Timeout: 10 * time.Minute}),

	// Versions by the S3 protocol.
	s3.Service.
		Scaled(function.Scale{Memory: "1Gi", CPU: "2", Concurrency: 32, Timeout: 10 * time.Minute}),
	s3credentials.Service,

	// Tables of Apache Iceberg.
	iceberg.Service.
		Scaled(function.Scale{Memory: "512Mi", Concurrency: 16}),

	// Rotation of the key encryption key.
	rewrapkeys.Service.
		Scaled(function.Scale{Timeout: 10 * time.Minute}),

	// Copies in the backup.
	replicate.Service.
		Scaled(function.Scale{Memory: "512Mi", Concurrency: 4, Timeout: 10 * time.Minute}),

	// The archive of old versions.
	archive.Service.
		Scaled(function.Scale{Memory: "512Mi", Concurrency: 4, Timeout: 10 * time.Minute}),
	recall.Service.
		Scaled(function.Scale{Memory: "512Mi", Concurrency: 4, Timeout: 10 * time.Minute}),

	// Destruction of deleted data sets.
	dispose.Service.
		Scaled(function.Scale{Timeout: 10 * time.Minute}),
	eraseorganization.Service.
		Scaled(function.Scale{Timeout: 10 * time.Minute}),
}

// Commands are the commands that operators run.
var Commands = []function.Command{rebuildsearch.Command}
