// Package rewrapkeys wraps the data keys of versions, uploads, documents and objects with the current key encryption key
// after a rotation. It runs every hour, and does nothing before the first rotation. The
// stored data and their copies in the backup do not change.
package rewrapkeys

import (
	"function/shared/database"
	"function/shared/rewrap"
)

// Service declares the function.
var Service = rewrap.Hourly("datasets-rewrap-keys", 23, database.Datasets,
	rewrap.Column{Table: "dataset_versions", Name: "wrapped_key"},
	rewrap.Column{Table: "dataset_version_parts", Name: "wrapped_key"},
	rewrap.Column{Table: "uploads", Name: "wrapped_key"},
	rewrap.Column{Table: "document_collections", Name: "wrapped_key"},
	rewrap.Column{Table: "dataset_objects", Name: "wrapped_key"})
