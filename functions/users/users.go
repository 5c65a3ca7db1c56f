// Package users is the domain of user management: accounts, sessions, second factors,
// organizations and teams, roles, consent, audit trails, provisioning and privacy rights. This
// file is its table of contents, with one line for each function, which is one folder and one
// Knative Service.
package users

import (
	"time"

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
	makeplatformadmin "function/functions/users/make-platform-admin"
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
	replacesigningkeys "function/functions/users/replace-signing-keys"
	resetpassword "function/functions/users/reset-password"
	rewrapkeys "function/functions/users/rewrap-keys"
	rolechanges "function/functions/users/role-changes"
	"function/functions/users/roles"
	rotatekeys "function/functions/users/rotate-keys"
	scimdiscovery "function/functions/users/scim-discovery"
	scimgroups "function/functions/users/scim-groups"
	scimusers "function/functions/users/scim-users"
	searchmembers "function/functions/users/search-members"
	sendmail "function/functions/users/send-mail"
	sendnotice "function/functions/users/send-notice"
	serviceaccounts "function/functions/users/service-accounts"
	"function/functions/users/sessions"
	stepup "function/functions/users/step-up"
	switchorganization "function/functions/users/switch-organization"
	teammembers "function/functions/users/team-members"
	teamprovisioning "function/functions/users/team-provisioning"
	"function/functions/users/teams"
	"function/functions/users/totp"
	transferownership "function/functions/users/transfer-ownership"
	trustdomain "function/functions/users/trust-domain"
	"function/functions/users/unlock"
	updateprofile "function/functions/users/update-profile"
	verifyemail "function/functions/users/verify-email"
	verifysecondfactor "function/functions/users/verify-second-factor"
	"function/shared/function"
)

// Scaling of functions that differs from the defaults of knative/base.
var (
	hashing   = function.Scale{CPU: "1", Concurrency: 4} // for password hashing: few requests per processor
	streaming = function.Scale{Concurrency: 16, Timeout: 10 * time.Minute}
	long      = function.Scale{Timeout: 10 * time.Minute}
)

// Functions are the functions of the domain.
var Functions = []function.Declaration{
	// Accounts.
	register.Service.Scaled(hashing),
	login.Service.Scaled(hashing),
	profile.Service,
	updateprofile.Service,

	// Access, portability and erasure (GDPR Articles 15, 17, 20).
	activity.Service,
	exportdata.Service.Scaled(streaming),
	eraseaccount.Service,
	eraseuser.Service,
	forgetprofile.Service,

	// Mail, confirmed addresses, forgotten and changed passwords.
	confirmregistration.Service.Scaled(hashing),
	verifyemail.Service,
	changeemail.Service.Scaled(hashing),
	forgotpassword.Service,
	resetpassword.Service.Scaled(hashing),
	changepassword.Service.Scaled(hashing),
	mailtokens.Service,
	sendmail.Service,
	sendnotice.Service,
	pages.Service,
	prune.Service,

	// Sessions, tokens and keys.
	refresh.Service,
	logout.Service,
	sessions.Service,
	jwks.Service,
	rotatekeys.Service,
	rewrapkeys.Service.
		Scaled(function.Scale{Timeout: 10 * time.Minute}),
	identities.Service,
	apikeys.Service,
	serviceaccounts.Service,
	disposesessions.Service.Scaled(long),

	// Second factors.
	getsecondfactors.Service,
	totp.Service,
	replacerecoverycodes.Service,
	passkeys.Service,
	loginwithpasskey.Service,
	verifysecondfactor.Service,
	stepup.Service.Scaled(hashing),

	// Passwords and lockout.
	passwordstrength.Service,
	unlock.Service,

	// Organizations, teams and roles.
	organizations.Service,
	organizationsettings.Service,
	purgeorganizations.Service.Scaled(long),
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

	// Audit trails, consent, and what platform admins do.
	listaudit.Service,
	exportaudit.Service.Scaled(streaming),
	purposes.Service,
	consents.Service,
	listconsents.Service,
	searchmembers.Service,
	findusers.Service,
	administer.Service,
	impersonate.Service,

	// Provisioning from outside (SCIM 2.0).
	domains.Service,
	teamprovisioning.Service,
	scimusers.Service,
	scimgroups.Service,
	scimdiscovery.Service,
}

// Commands are the commands for operators.
var Commands = []function.Command{
	makeplatformadmin.Command,
	trustdomain.Command,
	replacesigningkeys.Command,
}
