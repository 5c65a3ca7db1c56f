// Package functions is the platform's table of contents: the functions and commands of
// every domain.
package functions

import (
	"slices"

	"function/functions/analytics"
	"function/functions/compliance"
	"function/functions/datasets"
	"function/functions/platform"
	"function/functions/users"
)

// Catalog is every function.
var Catalog = slices.Concat(users.Functions, datasets.Functions, analytics.Functions, compliance.Functions, platform.Functions)

// Commands are what only an operator does.
var Commands = slices.Concat(users.Commands, platform.Commands)
