// Package functions is the platform's table of contents: one line for each
// function, which is one folder and one Knative Service.
package functions

import (
	"time"

	createreport "function/functions/analytics/create-report"
	deletereport "function/functions/analytics/delete-report"
	eraseanalytics "function/functions/analytics/erase-organization"
	getreport "function/functions/analytics/get-report"
	getrun "function/functions/analytics/get-run"
	listreports "function/functions/analytics/list-reports"
	listruns "function/functions/analytics/list-runs"
	projectdatasets "function/functions/analytics/project-datasets"
	projectlogins "function/functions/analytics/project-logins"
	projectusers "function/functions/analytics/project-users"
	"function/functions/analytics/query"
	runchart "function/functions/analytics/run-chart"
	runreport "function/functions/analytics/run-report"
	schedulereports "function/functions/analytics/schedule-reports"
	startrun "function/functions/analytics/start-run"
	endpolicies "function/functions/compliance/erase-organization"
	listdisposals "function/functions/compliance/list-disposals"
	listpolicies "function/functions/compliance/list-policies"
	recorddisposal "function/functions/compliance/record-disposal"
	resetpolicy "function/functions/compliance/reset-policy"
	retentionsweep "function/functions/compliance/retention-sweep"
	setpolicy "function/functions/compliance/set-policy"
	createdataset "function/functions/datasets/create"
	deletedataset "function/functions/datasets/delete"
	disposedatasets "function/functions/datasets/dispose"
	downloaddataset "function/functions/datasets/download"
	erasedatasets "function/functions/datasets/erase-organization"
	getdataset "function/functions/datasets/get"
	listdatasets "function/functions/datasets/list"
	profiledataset "function/functions/datasets/profile"
	datasetstatus "function/functions/datasets/status"
	uploaddataset "function/functions/datasets/upload"
	deadletters "function/functions/platform/dead-letters"
	erasedeadletters "function/functions/platform/erase-organization"
	"function/functions/platform/gateway"
	"function/functions/platform/metrics"
	"function/functions/platform/openapi"
	outboxrelay "function/functions/platform/outbox-relay"
	sealaudit "function/functions/platform/seal-audit"
	acceptinvitation "function/functions/users/accept-invitation"
	"function/functions/users/activity"
	"function/functions/users/administer"
	apikeys "function/functions/users/api-keys"
	approvemember "function/functions/users/approve-member"
	changeemail "function/functions/users/change-email"
	changepassword "function/functions/users/change-password"
	confirmregistration "function/functions/users/confirm-registration"
	"function/functions/users/consents"
	disposesessions "function/functions/users/dispose-sessions"
	"function/functions/users/domains"
	eraseaccount "function/functions/users/erase-account"
	eraseuser "function/functions/users/erase-user"
	"function/functions/users/explain"
	exportaudit "function/functions/users/export-audit"
	exportdata "function/functions/users/export-data"
	findusers "function/functions/users/find-users"
	forgetprofile "function/functions/users/forget-profile"
	forgotpassword "function/functions/users/forgot-password"
	getsecondfactors "function/functions/users/get-second-factors"
	"function/functions/users/grants"
	"function/functions/users/identities"
	"function/functions/users/impersonate"
	"function/functions/users/invitations"
	"function/functions/users/jwks"
	listaudit "function/functions/users/list-audit"
	listconsents "function/functions/users/list-consents"
	"function/functions/users/login"
	loginwithpasskey "function/functions/users/login-with-passkey"
	"function/functions/users/logout"
	lookupinvitation "function/functions/users/look-up-invitation"
	mailtokens "function/functions/users/mail-tokens"
	"function/functions/users/members"
	organizationsettings "function/functions/users/organization-settings"
	"function/functions/users/organizations"
	"function/functions/users/pages"
	"function/functions/users/passkeys"
	passwordstrength "function/functions/users/password-strength"
	"function/functions/users/profile"
	"function/functions/users/prune"
	purgeorganizations "function/functions/users/purge-organizations"
	"function/functions/users/purposes"
	"function/functions/users/refresh"
	"function/functions/users/register"
	rejectmember "function/functions/users/reject-member"
	replacerecoverycodes "function/functions/users/replace-recovery-codes"
	resetpassword "function/functions/users/reset-password"
	rolechanges "function/functions/users/role-changes"
	"function/functions/users/roles"
	rotatekeys "function/functions/users/rotate-keys"
	scimdiscovery "function/functions/users/scim-discovery"
	scimgroups "function/functions/users/scim-groups"
	scimusers "function/functions/users/scim-users"
	searchmembers "function/functions/users/search-members"
	sendmail "function/functions/users/send-mail"
	serviceaccounts "function/functions/users/service-accounts"
	"function/functions/users/sessions"
	stepup "function/functions/users/step-up"
	switchorganization "function/functions/users/switch-organization"
	teammembers "function/functions/users/team-members"
	teamprovisioning "function/functions/users/team-provisioning"
	"function/functions/users/teams"
	"function/functions/users/totp"
	transferownership "function/functions/users/transfer-ownership"
	"function/functions/users/unlock"
	updateprofile "function/functions/users/update-profile"
	verifyemail "function/functions/users/verify-email"
	verifysecondfactor "function/functions/users/verify-second-factor"
	"function/shared/function"
)

// Catalog is every function.
var Catalog = []function.Declaration{
	// Users: accounts.
	function.Endpoint(register.Operation, register.New).Scaled(function.Scale{CPU: "1", Concurrency: 4}),
	function.Endpoint(login.Operation, login.New).Scaled(function.Scale{CPU: "1", Concurrency: 4}),
	function.Endpoint(profile.Operation, profile.New),
	function.Endpoint(updateprofile.Operation, updateprofile.New),

	// Users: access, portability and erasure (GDPR Articles 15, 17, 20).
	function.Endpoint(activity.Operation, activity.New),
	function.Endpoint(exportdata.Operation, exportdata.New).
		Scaled(function.Scale{Concurrency: 16, Timeout: 10 * time.Minute}),
	function.Endpoint(eraseaccount.Operation, eraseaccount.New),
	function.Endpoint(eraseuser.Operation, eraseuser.New),
	function.Subscriber("users-forget-profile", forgetprofile.New),

	// Users: mail, confirmed addresses, forgotten and changed passwords.
	function.Endpoint(confirmregistration.Operation, confirmregistration.New).Scaled(function.Scale{CPU: "1", Concurrency: 4}),
	function.Service("users-verify-email", verifyemail.New, verifyemail.Parts...),
	function.Service("users-change-email", changeemail.New, changeemail.Parts...).Scaled(function.Scale{CPU: "1", Concurrency: 4}),
	function.Endpoint(forgotpassword.Operation, forgotpassword.New),
	function.Endpoint(resetpassword.Operation, resetpassword.New).Scaled(function.Scale{CPU: "1", Concurrency: 4}),
	function.Endpoint(changepassword.Operation, changepassword.New).Scaled(function.Scale{CPU: "1", Concurrency: 4}),
	function.Service("users-mail-tokens", mailtokens.New, mailtokens.Parts...),
	function.Service("users-send-mail", sendmail.New, sendmail.Parts...),
	function.Service("users-pages", pages.New, pages.Parts...),
	function.Scheduled("users-prune", prune.Schedule, prune.New),

	// Users: sessions, tokens and keys.
	function.Endpoint(refresh.Operation, refresh.New),
	function.Endpoint(logout.Operation, logout.New),
	function.Service("users-sessions", sessions.New, sessions.Parts...),
	function.Endpoint(jwks.Operation, jwks.New),
	function.Scheduled("users-rotate-keys", rotatekeys.Schedule, rotatekeys.New),
	function.Service("users-identities", identities.New, identities.Parts...),
	function.Service("users-api-keys", apikeys.New, apikeys.Parts...),
	function.Service("users-service-accounts", serviceaccounts.New, serviceaccounts.Parts...),
	function.Subscriber("users-dispose-sessions", disposesessions.New).
		Scaled(function.Scale{Timeout: 10 * time.Minute}),

	// Users: second factors.
	function.Endpoint(getsecondfactors.Operation, getsecondfactors.New),
	function.Service("users-totp", totp.New, totp.Parts...),
	function.Endpoint(replacerecoverycodes.Operation, replacerecoverycodes.New),
	function.Service("users-passkeys", passkeys.New, passkeys.Parts...),
	function.Service("users-login-with-passkey", loginwithpasskey.New, loginwithpasskey.Parts...),
	function.Service("users-verify-second-factor", verifysecondfactor.New, verifysecondfactor.Parts...),
	function.Service("users-step-up", stepup.New, stepup.Parts...).Scaled(function.Scale{CPU: "1", Concurrency: 4}),

	// Users: passwords and lockout.
	function.Endpoint(passwordstrength.Operation, passwordstrength.New),
	function.Endpoint(unlock.Operation, unlock.New),

	// Users: organizations, teams and roles.
	function.Service("users-organizations", organizations.New, organizations.Parts...),
	function.Service("users-organization-settings", organizationsettings.New, organizationsettings.Parts...),
	function.Scheduled("users-purge-organizations", purgeorganizations.Schedule, purgeorganizations.New).
		Scaled(function.Scale{Timeout: 10 * time.Minute}),
	function.Service("users-members", members.New, members.Parts...),
	function.Endpoint(approvemember.Operation, approvemember.New),
	function.Endpoint(rejectmember.Operation, rejectmember.New),
	function.Endpoint(transferownership.Operation, transferownership.New),
	function.Service("users-invitations", invitations.New, invitations.Parts...),
	function.Endpoint(lookupinvitation.Operation, lookupinvitation.New),
	function.Endpoint(acceptinvitation.Operation, acceptinvitation.New),
	function.Service("users-teams", teams.New, teams.Parts...),
	function.Service("users-team-members", teammembers.New, teammembers.Parts...),
	function.Service("users-roles", roles.New, roles.Parts...),
	function.Service("users-grants", grants.New, grants.Parts...),
	function.Service("users-role-changes", rolechanges.New, rolechanges.Parts...),
	function.Endpoint(switchorganization.Operation, switchorganization.New),
	function.Endpoint(explain.Operation, explain.New),

	// Users: audit trails, consent, and what platform admins do.
	function.Service("users-list-audit", listaudit.New, listaudit.Parts...),
	function.Service("users-export-audit", exportaudit.New, exportaudit.Parts...).
		Scaled(function.Scale{Concurrency: 16, Timeout: 10 * time.Minute}),
	function.Service("users-purposes", purposes.New, purposes.Parts...),
	function.Service("users-consents", consents.New, consents.Parts...),
	function.Endpoint(listconsents.Operation, listconsents.New),
	function.Endpoint(searchmembers.Operation, searchmembers.New),
	function.Service("users-find-users", findusers.New, findusers.Parts...),
	function.Service("users-administer", administer.New, administer.Parts...),
	function.Endpoint(impersonate.Operation, impersonate.New),
	// Users: provisioning from outside (SCIM 2.0).
	function.Service("users-domains", domains.New, domains.Parts...),
	function.Service("users-team-provisioning", teamprovisioning.New, teamprovisioning.Parts...),
	function.Service("users-scim-users", scimusers.New, scimusers.Parts...),
	function.Service("users-scim-groups", scimgroups.New, scimgroups.Parts...),
	function.Service("users-scim-discovery", scimdiscovery.New, scimdiscovery.Parts...),

	// Data sets: files that are tables, their versions and profiles.
	function.Endpoint(createdataset.Operation, createdataset.New),
	function.Endpoint(listdatasets.Operation, listdatasets.New),
	function.Endpoint(getdataset.Operation, getdataset.New),
	function.Endpoint(datasetstatus.Operation, datasetstatus.New),
	function.Endpoint(deletedataset.Operation, deletedataset.New),
	function.Endpoint(uploaddataset.Operation, uploaddataset.New).
		Scaled(function.Scale{Memory: "512Mi", CPU: "2", Concurrency: 16, Timeout: 10 * time.Minute}),
	function.Endpoint(downloaddataset.Operation, downloaddataset.New).
		Scaled(function.Scale{Concurrency: 16, Timeout: 10 * time.Minute}),
	function.Subscriber("datasets-profile", profiledataset.New).
		Scaled(function.Scale{Memory: "768Mi", CPU: "2", Concurrency: 1, Timeout: 10 * time.Minute}),
	function.Subscriber("datasets-dispose", disposedatasets.New).
		Scaled(function.Scale{Timeout: 10 * time.Minute}),
	function.Subscriber("datasets-erase-organization", erasedatasets.New).
		Scaled(function.Scale{Timeout: 10 * time.Minute}),

	// Analytics: people's own SQL, reports, and what SQL sees of the other domains.
	function.Endpoint(query.Operation, query.New).
		Scaled(function.Scale{Memory: "1Gi", CPU: "2", Concurrency: 20, Timeout: 5 * time.Minute}),
	function.Endpoint(createreport.Operation, createreport.New),
	function.Endpoint(listreports.Operation, listreports.New),
	function.Endpoint(getreport.Operation, getreport.New),
	function.Endpoint(deletereport.Operation, deletereport.New),
	function.Endpoint(startrun.Operation, startrun.New),
	function.Endpoint(listruns.Operation, listruns.New),
	function.Endpoint(getrun.Operation, getrun.New),
	function.Endpoint(runchart.Operation, runchart.New),
	function.Scheduled("analytics-schedule-reports", schedulereports.Schedule, schedulereports.New),
	function.Subscriber("analytics-run-report", runreport.New).
		Scaled(function.Scale{Memory: "1Gi", CPU: "2", Concurrency: 2, Timeout: 5 * time.Minute}),
	function.Service("analytics-project-users", projectusers.New, projectusers.Parts...),
	function.Service("analytics-project-logins", projectlogins.New, projectlogins.Parts...),
	function.Service("analytics-project-datasets", projectdatasets.New, projectdatasets.Parts...),
	function.Subscriber("analytics-erase-organization", eraseanalytics.New).
		Scaled(function.Scale{Timeout: 10 * time.Minute}),

	// Compliance: how long what has ended is kept, and the record of its disposal.
	function.Endpoint(listpolicies.Operation, listpolicies.New),
	function.Endpoint(setpolicy.Operation, setpolicy.New),
	function.Endpoint(resetpolicy.Operation, resetpolicy.New),
	function.Endpoint(listdisposals.Operation, listdisposals.New),
	function.Scheduled("compliance-retention-sweep", retentionsweep.Schedule, retentionsweep.New),
	function.Subscriber("compliance-record-disposal", recorddisposal.New),
	function.Subscriber("compliance-erase-organization", endpolicies.New),

	// Platform: what keeps the rest going.
	function.Scheduled("platform-outbox-relay", outboxrelay.Schedule, outboxrelay.New),
	function.Scheduled("platform-seal-audit", sealaudit.Schedule, sealaudit.New),
	function.Service("platform-dead-letters", deadletters.New, deadletters.Parts...),
	function.Subscriber("platform-erase-organization", erasedeadletters.New),
	function.Endpoint(metrics.Operation, metrics.New),
	function.Service("platform-openapi", openapi.New, openapi.Parts...),
	function.Service("platform-gateway", gateway.New, gateway.Parts...).Also(gateway.Names...).
		Scaled(function.Scale{Timeout: 10 * time.Minute}),
}
