// Package functions lists the functions and commands of every domain.
package functions

import (
	"slices"

	"function/functions/analytics"
	"function/functions/compliance"
	"function/functions/datasets"
	"function/functions/platform"
	"function/functions/users"
)

// Catalog lists every function of the platform.
var Catalog = slices.Concat(users.Functions, datasets.Functions, analytics.Functions, compliance.Functions, platform.Functions)

// Commands lists the commands that operators run.
var Commands = slices.Concat(users.Commands, datasets.Commands, platform.Commands)
