package notify

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"function/shared/mail"
)

// ConfirmRegistration asks the owner of an address to complete the registration.
func (p Mailer) ConfirmRegistration(to, token string) mail.Message {
	return message(to, "Confirm your email address", `Somebody, probably you, registered an account with this email address. To complete the registration,
follow this link within 24 hours and enter the password that you chose:

%s

If it was not you, do nothing: no account is created and you get no further mail. Never enter
a password here that somebody else gave you: they would have access to the account, too.`, p.link("/register/confirm", token))
}

// AlreadyRegistered tells a person that somebody tried to register with their address.
func (p Mailer) AlreadyRegistered(to string) mail.Message {
	return message(to, "You already have an account", `Somebody, probably you, tried to register an account with this email address. You already have
one: log in with it. If you have forgotten the password, request a new one here:

%s

If it was not you, there is nothing to do: your account has not changed.`, p.pages+"/password/forgot")
}

// VerifyEmail asks a person with an account to confirm their address.
func (p Mailer) VerifyEmail(to, token string) mail.Message {
	return message(to, "Confirm your email address", `An account was registered with this email address. If it was you, confirm the address: follow
this link within 24 hours and enter the account's password.

%s

If it was not you, do not follow the link: somebody entered your address, by mistake or on
purpose. You can take the account over by choosing a new password for it, and then erase
it or use it yourself:

%s`, p.link("/email/verify", token), p.pages+"/password/forgot")
}

// ResetPassword lets a person choose a new password.
func (p Mailer) ResetPassword(to, token string) mail.Message {
	return message(to, "Choose a new password", `Somebody, probably you, requested a new password for your account. To choose it, follow this
link within an hour. It works once.

%s

If it was not you, do nothing: your password does not change. Never share this link.`, p.link("/password/reset", token))
}

// PasswordChanged tells a person that their password was changed and lists what else gives
// access to the account, which a new password does not revoke.
func (p Mailer) PasswordChanged(to string, beside []OtherCredentials) mail.Message {
	var others, revoked strings.Builder
	for _, b := range beside {
		line := fmt.Sprintf("- %s: %d, the newest of %s\n", b.Kind, b.Count, b.Newest.UTC().Format("2 January 2006"))
		if b.Revoked {
			revoked.WriteString(line)
		} else {
			others.WriteString(line)
		}
	}
	var more string
	if others.Len() > 0 {
		more += "\n\nThe following also give access to your account. If one of them is not yours, log in and remove it;\nif it prevents you from logging in, ask a platform administrator to remove it:\n\n" + strings.TrimSpace(others.String())
	}
	if revoked.Len() > 0 {
		more += "\n\nThe following were recent and were revoked, in case somebody else had created them:\n\n" + strings.TrimSpace(revoked.String())
	}
	return message(to, "Your password was changed", `The password of your account was changed and your other sessions were ended.

If it was you, there is nothing more to do. If it was not you, choose a new password now and
tell your organization's admins:

%s%s`, p.pages+"/password/forgot", more)
}

// UnprovedCredentialsRemoved tells a person who has just confirmed the account's address for the
// first time what was removed from the account.
func (p Mailer) UnprovedCredentialsRemoved(to string, had []OtherCredentials) mail.Message {
	var removed strings.Builder
	for _, b := range had {
		fmt.Fprintf(&removed, "- %s: %d, the newest of %s\n", b.Kind, b.Count, b.Newest.UTC().Format("2 January 2006"))
	}
	return message(to, "Your account was cleared", `You have chosen a password for an account whose address had never been confirmed. Everything
added to it before, by you or by somebody else who entered your address, was removed, as were
all its API keys, its sessions and the invitations that it had sent:

%s

Log in and add what was yours again. Also check who else belongs to the organizations that the
account owns, and their data: somebody else may have put it there.`, strings.TrimSpace(removed.String()))
}

// ConfirmEmailChange asks the owner of a person's new address to confirm it.
func (p Mailer) ConfirmEmailChange(to, token string) mail.Message {
	return message(to, "Confirm your new email address", `Somebody, probably you, wants to change the email address of their account to this one.
To confirm the change, follow this link within an hour and enter the account's password:

%s

If it was not you, do nothing: the account keeps its current address and you get no mail
about it. Never enter a password here that somebody else gave you.`, p.link("/email/change/confirm", token))
}

// EmailChangeRequested tells a person, at the current address, that a new address was requested.
func (p Mailer) EmailChangeRequested(to string) mail.Message {
	return message(to, "Your email address is about to be changed", `Somebody who knows your password requested a new email address for your account. The
change happens when the new address is confirmed.

If it was you, follow the link in the mail to the new address. If it was not you, choose a new
password now, which also cancels the change and ends all sessions:

%s`, p.pages+"/password/forgot")
}

// EmailChanged tells a person, at the former address, that the address was changed.
func (p Mailer) EmailChanged(to string) mail.Message {
	return message(to, "Your email address was changed", `This is no longer the email address of your account. Use the new address to log in; all
mail goes there from now on.

If it was not you, tell your organization's admins at once.`)
}

// AccountErased tells a person, at their former address, that their account was erased.
func (p Mailer) AccountErased(to string) mail.Message {
	return message(to, "Your account was erased", `Your account was erased at the request of somebody who had just authenticated as you. Your
personal data can no longer be read, and your memberships have ended. After this mail we
delete this address.

If it was not you, tell the admins of your organizations at once.`)
}

// Welcome tells a person that their organization has created an account for them.
func (p Mailer) Welcome(to, token string) mail.Message {
	return message(to, "Your account", `The organization that gave you this email address has created an account for you. To choose a
password, follow this link within 7 days. It works once.

%s

After that, request a new link here: %s

If you did not expect it, ask your organization's admins. Never share this link.`, p.link("/password/reset", token), p.pages+"/password/forgot")
}

// AccountClosed tells a person that their organization has deleted the account that it had
// created.
func (p Mailer) AccountClosed(to string) mail.Message {
	return message(to, "Your account was deleted", `The organization that created your account has deleted it. Your personal data can no longer
be read. With this mail, we delete this address.

If you did not expect it, ask your organization's admins.`)
}

// EmailMoved tells a person, at the new address, that their organization has changed the
// account's address.
func (p Mailer) EmailMoved(to string) mail.Message {
	return message(to, "Your email address was changed", `Your organization has changed the email address of your account to this one. Use it to log in
from now on; all mail comes here.

If you did not expect it, ask your organization's admins.`)
}

// AccountErasedByAdmin tells a person, at their former address, that an admin has erased
// their account.
func (p Mailer) AccountErasedByAdmin(to string) mail.Message {
	return message(to, "Your account was erased", `A platform administrator has erased your account, as people who can no longer log in may
request. Your personal data can no longer be read, and your memberships have
ended. With this mail, we delete this address.

If you did not request this, contact the platform's operator.`)
}

// DataExported tells a person that their personal data was exported.
func (p Mailer) DataExported(to string) mail.Message {
	return p.securityNotice(to, "Your data was exported", "Your personal data was exported by somebody who had just authenticated as you.", "")
}

// Invitation invites the owner of an address to an organization.
func (p Mailer) Invitation(to, token string) mail.Message {
	return message(to, "You are invited", `A member of an organization invites you to join it. You would work with its data, and its
admins would see your name and address. The link below shows which organization it is and
which role you would have. To accept, follow it within 7 days and log in, or register, with
this email address:

%s

If you do not know who invited you, or do not want to join, do nothing: the invitation
expires.`, p.link("/invitations/accept", token))
}

// RoleChangePending asks a person to approve or reject a role change.
func (p Mailer) RoleChangePending(to string, organization uuid.UUID) mail.Message {
	return message(to, "A role change needs your approval", `A member of your organization has requested a change of roles or permissions. It takes effect
only if a second person, such as you, approves it within 7 days. Review it here:

%s`, p.roleChanges(organization))
}

// SecondPersonEnds tells a person that an owner wants to turn off second-person approval and
// may do so alone from a certain time on.
func (p Mailer) SecondPersonEnds(to string, organization uuid.UUID, from time.Time) mail.Message {
	return message(to, "Second-person approval is about to be turned off", `An owner of your organization wants role changes to take effect at once, without a second
person's approval. Anyone who can approve role changes can reject this:

%s

If nobody rejects it by %s, the owner can turn the approval off alone. If you do not know why,
ask the owners of your organization.`, p.roleChanges(organization), from.UTC().Format("15:04 MST on 2 January 2006"))
}

// SecondPersonEnded tells a person that an owner has turned off second-person approval.
func (p Mailer) SecondPersonEnded(to string, organization uuid.UUID) mail.Message {
	return message(to, "Second-person approval was turned off", `An owner of your organization has turned off second-person approval of role changes without
a second person. All members were notified a week ago, and nobody rejected it:

%s

If you do not know why, ask the owners of your organization.`, p.roleChanges(organization))
}

func (p Mailer) roleChanges(organization uuid.UUID) string {
	return p.pages + "/organizations/" + organization.String() + "/role-changes"
}

// PasswordResetRequired tells a person that an admin has logged them out and requires a new
// password.
func (p Mailer) PasswordResetRequired(to string) mail.Message {
	return message(to, "Choose a new password", `A platform administrator requires you to choose a new password. You have been logged out
everywhere, and your current password no longer works. Choose a different one here:

%s`, p.pages+"/password/forgot")
}

// AccountSuspended tells a person that their account is suspended.
func (p Mailer) AccountSuspended(to string) mail.Message {
	return message(to, "Your account is suspended", `A platform administrator has suspended your account. You have been logged out
everywhere, and cannot log in until it is restored. Nothing was deleted.

To learn why, contact the platform's operator.`)
}

// AccountRestored tells a person that they can log in again.
func (p Mailer) AccountRestored(to string) mail.Message {
	return message(to, "Your account is restored", `A platform administrator has ended the suspension of your account. You can log in as before.`)
}

// SecondFactorsReset tells a person that their second factors were removed.
func (p Mailer) SecondFactorsReset(to string) mail.Message {
	return message(to, "Your second factors were removed", `A platform administrator has removed your authenticator app, your passkeys and your
recovery codes, and you have been logged out everywhere. Log in with your password, and add
a second factor again.

If you did not request this, choose a new password now and tell the platform's operator:

%s`, p.pages+"/password/forgot")
}

// PlatformAdminGranted tells a person that they are a platform admin.
func (p Mailer) PlatformAdminGranted(to string) mail.Message {
	return message(to, "You are now a platform administrator", `A platform administrator has made you one too: you can find people's accounts, suspend
and restore them, and act as their owners. All these actions are recorded. Protect your
account with a second factor.

If you did not expect this, tell the platform's operator.`)
}

// PlatformAdminRevoked tells a person that they are no longer a platform admin.
func (p Mailer) PlatformAdminRevoked(to string) mail.Message {
	return message(to, "You are no longer a platform administrator", `Another platform administrator has revoked your administrator rights. Your account and your roles in
your organizations have not changed.

If you did not expect this, ask the platform's operator.`)
}
