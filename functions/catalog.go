// Package functions is the platform's table of contents: one line for each
// function, which is one folder and one Knative Service.
package functions

import (
	approvemember "function/functions/users/approve-member"
	disposesessions "function/functions/users/dispose-sessions"
	"function/functions/users/jwks"
	"function/functions/users/login"
	"function/functions/users/logout"
	"function/functions/users/profile"
	"function/functions/users/refresh"
	"function/functions/users/register"
	"function/shared/function"
)

// Catalog is every function.
var Catalog = []function.Declaration{
	// Users: accounts, sessions, organizations.
	function.Endpoint(register.Operation, register.New),
	function.Endpoint(login.Operation, login.New),
	function.Endpoint(refresh.Operation, refresh.New),
	function.Endpoint(logout.Operation, logout.New),
	function.Endpoint(profile.Operation, profile.New),
	function.Endpoint(jwks.Operation, jwks.New),
	function.Endpoint(approvemember.Operation, approvemember.New),
	function.Subscriber("users-dispose-sessions", disposesessions.New),
}
