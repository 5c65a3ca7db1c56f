// Code generated from functions/catalog.go by make generate. DO NOT EDIT.

package gateway

import (
	"time"

	"function/shared/function"
)

// routes are the ways to every operation of the catalog.
var routes = []function.Route{
	{Method: "POST", Path: "/v1/users/register", Service: "users-register", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/users/login", Service: "users-login", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/v1/users/profile", Service: "users-profile", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/users/email/confirm", Service: "users-confirm-registration", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/users/email/verification", Service: "users-verify-email", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/users/email/verify", Service: "users-verify-email", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/users/email/change", Service: "users-change-email", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/users/email/change/confirm", Service: "users-change-email", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/users/password/forgot", Service: "users-forgot-password", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/users/password/reset", Service: "users-reset-password", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/users/password/change", Service: "users-change-password", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/users/refresh", Service: "users-refresh", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/users/logout", Service: "users-logout", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/.well-known/jwks.json", Service: "users-jwks", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/organizations/{id}/members/{user_id}/approve", Service: "users-approve-member", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/datasets", Service: "datasets-create", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/v1/datasets", Service: "datasets-list", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/v1/datasets/{id}", Service: "datasets-get", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/v1/datasets/status", Service: "datasets-status", Timeout: 300 * time.Second},
	{Method: "DELETE", Path: "/v1/datasets/{id}", Service: "datasets-delete", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/datasets/{id}/upload", Service: "datasets-upload", Timeout: 600 * time.Second},
	{Method: "GET", Path: "/v1/datasets/{id}/download", Service: "datasets-download", Timeout: 600 * time.Second},
	{Method: "POST", Path: "/v1/analytics/query", Service: "analytics-query", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/analytics/reports", Service: "analytics-create-report", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/v1/analytics/reports", Service: "analytics-list-reports", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/v1/analytics/reports/{id}", Service: "analytics-get-report", Timeout: 300 * time.Second},
	{Method: "DELETE", Path: "/v1/analytics/reports/{id}", Service: "analytics-delete-report", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/analytics/reports/{id}/run", Service: "analytics-start-run", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/v1/analytics/reports/{id}/runs", Service: "analytics-list-runs", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/v1/analytics/reports/{id}/runs/{run}", Service: "analytics-get-run", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/v1/analytics/reports/{id}/runs/{run}/chart", Service: "analytics-run-chart", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/v1/compliance/retention/policies", Service: "compliance-list-policies", Timeout: 300 * time.Second},
	{Method: "PUT", Path: "/v1/compliance/retention/policies/{resource}", Service: "compliance-set-policy", Timeout: 300 * time.Second},
	{Method: "DELETE", Path: "/v1/compliance/retention/policies/{resource}", Service: "compliance-reset-policy", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/v1/compliance/retention/disposals", Service: "compliance-list-disposals", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/v1/platform/dead-letters", Service: "platform-dead-letters", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/v1/platform/dead-letters/{id}", Service: "platform-dead-letters", Timeout: 300 * time.Second},
	{Method: "POST", Path: "/v1/platform/dead-letters/{id}/redeliver", Service: "platform-dead-letters", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/metrics", Service: "platform-metrics", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/openapi.yaml", Service: "platform-openapi", Timeout: 300 * time.Second},
	{Method: "GET", Path: "/docs", Service: "platform-openapi", Timeout: 300 * time.Second},
}
