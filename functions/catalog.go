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
	register.Service.Scaled(function.Scale{CPU: "1", Concurrency: 4}),
	login.Service.Scaled(function.Scale{CPU: "1", Concurrency: 4}),
	profile.Service,
	updateprofile.Service,

	// Users: access, portability and erasure (GDPR Articles 15, 17, 20).
	activity.Service,
	exportdata.Service.
		Scaled(function.Scale{Concurrency: 16, Timeout: 10 * time.Minute}),
	eraseaccount.Service,
	eraseuser.Service,
	forgetprofile.Service,

	// Users: mail, confirmed addresses, forgotten and changed passwords.
	confirmregistration.Service.Scaled(function.Scale{CPU: "1", Concurrency: 4}),
	verifyemail.Service,
	changeemail.Service.Scaled(function.Scale{CPU: "1", Concurrency: 4}),
	forgotpassword.Service,
	resetpassword.Service.Scaled(function.Scale{CPU: "1", Concurrency: 4}),
	changepassword.Service.Scaled(function.Scale{CPU: "1", Concurrency: 4}),
	mailtokens.Service,
	sendmail.Service,
	pages.Service,
	prune.Service,

	// Users: sessions, tokens and keys.
	refresh.Service,
	logout.Service,
	sessions.Service,
	jwks.Service,
	rotatekeys.Service,
	identities.Service,
	apikeys.Service,
	serviceaccounts.Service,
	disposesessions.Service.
		Scaled(function.Scale{Timeout: 10 * time.Minute}),

	// Users: second factors.
	getsecondfactors.Service,
	totp.Service,
	replacerecoverycodes.Service,
	passkeys.Service,
	loginwithpasskey.Service,
	verifysecondfactor.Service,
	stepup.Service.Scaled(function.Scale{CPU: "1", Concurrency: 4}),

	// Users: passwords and lockout.
	passwordstrength.Service,
	unlock.Service,

	// Users: organizations, teams and roles.
	organizations.Service,
	organizationsettings.Service,
	purgeorganizations.Service.
		Scaled(function.Scale{Timeout: 10 * time.Minute}),
	members.Service,
	approvemember.Service,
	rejectmember.Service,
	transferownership.Service,
	invitations.Service,
	lookupinvitation.Service,
	acceptinvitation.Service,
	teams.Service,
	teammembers.Service,
	roles.Service,
	grants.Service,
	rolechanges.Service,
	switchorganization.Service,
	explain.Service,

	// Users: audit trails, consent, and what platform admins do.
	listaudit.Service,
	exportaudit.Service.
		Scaled(function.Scale{Concurrency: 16, Timeout: 10 * time.Minute}),
	purposes.Service,
	consents.Service,
	listconsents.Service,
	searchmembers.Service,
	findusers.Service,
	administer.Service,
	impersonate.Service,
	// Users: provisioning from outside (SCIM 2.0).
	domains.Service,
	teamprovisioning.Service,
	scimusers.Service,
	scimgroups.Service,
	scimdiscovery.Service,

	// Data sets: files that are tables, their versions and profiles.
	createdataset.Service,
	listdatasets.Service,
	getdataset.Service,
	datasetstatus.Service,
	deletedataset.Service,
	uploaddataset.Service.
		Scaled(function.Scale{Memory: "512Mi", CPU: "2", Concurrency: 16, Timeout: 10 * time.Minute}),
	downloaddataset.Service.
		Scaled(function.Scale{Concurrency: 16, Timeout: 10 * time.Minute}),
	profiledataset.Service.
		Scaled(function.Scale{Memory: "768Mi", CPU: "2", Concurrency: 1, Timeout: 10 * time.Minute}),
	disposedatasets.Service.
		Scaled(function.Scale{Timeout: 10 * time.Minute}),
	erasedatasets.Service.
		Scaled(function.Scale{Timeout: 10 * time.Minute}),

	// Analytics: people's own SQL, reports, and what SQL sees of the other domains.
	query.Service.
		Scaled(function.Scale{Memory: "1Gi", CPU: "2", Concurrency: 20, Timeout: 5 * time.Minute}),
	createreport.Service,
	listreports.Service,
	getreport.Service,
	deletereport.Service,
	startrun.Service,
	listruns.Service,
	getrun.Service,
	runchart.Service,
	schedulereports.Service,
	runreport.Service.
		Scaled(function.Scale{Memory: "1Gi", CPU: "2", Concurrency: 2, Timeout: 5 * time.Minute}),
	projectusers.Service,
	projectlogins.Service,
	projectdatasets.Service,
	eraseanalytics.Service.
		Scaled(function.Scale{Timeout: 10 * time.Minute}),

	// Compliance: how long what has ended is kept, and the record of its disposal.
	listpolicies.Service,
	setpolicy.Service,
	resetpolicy.Service,
	listdisposals.Service,
	retentionsweep.Service,
	recorddisposal.Service,
	endpolicies.Service,

	// Platform: what keeps the rest going.
	outboxrelay.Service,
	sealaudit.Service,
	deadletters.Service,
	erasedeadletters.Service,
	metrics.Service,
	openapi.Service,
	gateway.Service.Also(gateway.Names...).
		Scaled(function.Scale{Timeout: 10 * time.Minute}),
}
