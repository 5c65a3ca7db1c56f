// Package platform is what keeps the other domains going: events that are sent again,
// dead letters, sealed audit trails, metrics, the API's description and the gateway. This
// is its table of contents: a line for each function, which is one folder and one Knative
// Service.
package platform

import (
	"time"

	deadletters "function/functions/platform/dead-letters"
	eraseorganization "function/functions/platform/erase-organization"
	"function/functions/platform/gateway"
	"function/functions/platform/metrics"
	"function/functions/platform/openapi"
	outboxrelay "function/functions/platform/outbox-relay"
	restartaudit "function/functions/platform/restart-audit"
	sealaudit "function/functions/platform/seal-audit"
	"function/shared/function"
)

// Functions are those of the domain.
var Functions = []function.Declaration{
	outboxrelay.Service,
	sealaudit.Service,
	deadletters.Service,
	eraseorganization.Service,
	metrics.Service,
	openapi.Service,
	gateway.Service.Also(gateway.Names...).
		Scaled(function.Scale{Timeout: 10 * time.Minute}),
}

// Commands are what only an operator does.
var Commands = []function.Command{restartaudit.Command}
