// Package platform lists the functions that the other domains rely on: event relay, dead letters,
// audit sealing, metrics, API description and gateway. Each function is one folder and one
// Knative Service.
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

// Functions are the functions of the platform domain.
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

// Commands are the commands that operators run.
var Commands = []function.Command{restartaudit.Command}
