package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/mail"
	"function/shared/outbox"
)

// Mailer writes and queues all mail of the domain: each kind of mail is one of its methods.
// A mail says what happened, what to do, and what to do if it was not the recipient.
//
// Mails contain no text that somebody other than the recipient may have typed, not even a
// name, so that nobody can use us to mail their words to a stranger. The one exception is
// the reason in [Mailer.Impersonated].
//
// If no mail server is configured, notifications are dropped instead of queued, and
// operations that cannot work without mail are refused ([Mailer.Require]).
type Mailer struct {
	store store.Store
	pages string // PUBLIC_URL; empty: this deployment sends no mail
}

// NewMailer returns a Mailer, which only sends if a mail server is configured.
func NewMailer(s store.Store, env *function.Env) (Mailer, error) {
	p := Mailer{store: s}
	if !env.Config.SendsMail {
		return p, nil
	}
	u, err := PublicURL(env.Config)
	if err != nil {
		return p, fmt.Errorf("mail is configured (MAIL): %w", err)
	}
	p.pages = strings.TrimSuffix(u.String(), "/")
	return p, nil
}

// PublicURL returns the base URL of the pages that people see. The name in knative/base is a
// placeholder and counts as not configured (RFC 6761 §6.4).
func PublicURL(c function.Config) (*url.URL, error) {
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.HasSuffix(u.Hostname(), ".invalid") {
		return nil, errors.New("PUBLIC_URL must be the https:// URL of the pages that people see: mails link to it, and passkeys are bound to its host")
	}
	return u, nil
}

// Sends reports whether this deployment sends mail.
func (p Mailer) Sends() bool { return p.pages != "" }

// Require returns an error if this deployment sends no mail.
func (p Mailer) Require() error {
	if p.Sends() {
		return nil
	}
	return fault.New(fault.Unavailable, "This requires mail, which is not configured on this platform: ask an administrator")
}

// Queue sends a mail about a person once the transaction has committed, if mail is
// configured. personID is uuid.Nil for an address without an account. Erasing the person
// removes their queued mail, so the mail about the erasure is queued afterwards.
func (p Mailer) Queue(ctx context.Context, tx *outbox.Tx, personID uuid.UUID, m mail.Message) error {
	if !p.Sends() {
		return nil
	}
	return mail.Queue(ctx, tx, p.store.Keeper, mail.About{PersonID: personID, AddressIndex: person.EmailIndex(p.store.Keeper, m.To)}, m)
}

// Notify queues a mail to a person's current address, so that they notice changes that
// somebody else made to their account (OWASP ASVS 5.0 §6.3.7).
func (p Mailer) Notify(ctx context.Context, tx *outbox.Tx, personID uuid.UUID, write func(to string) mail.Message) error {
	if !p.Sends() {
		return nil
	}
	name, err := person.NameOf(ctx, p.store, tx, personID)
	if err != nil {
		return err
	}
	return p.Queue(ctx, tx, personID, write(name.Email))
}

// link returns the URL of a page with a token. The token is in the fragment, which browsers
// do not send to servers, so it appears in no log and no Referer.
func (p Mailer) link(page, token string) string { return p.pages + page + "#token=" + token }

func message(to, subject, format string, arguments ...any) mail.Message {
	return mail.Message{To: to, Subject: subject, Text: fmt.Sprintf("Hello,\n\n"+format+"\n\n-- \n002AIC data services\n", arguments...)}
}

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
cannot be read any more. With this mail, we delete this address.

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

// Unlock mails a person whose account is locked by wrong passwords a link to unlock it.
func (p Mailer) Unlock(to, token string) mail.Message {
	return message(to, "Your account is protected from password guessing", `Somebody tried many passwords for your account. None was correct. For a while, logins from
places that you have not used before are delayed. You can still log in from places that you
have used before.

If you are locked out yourself, follow this link within 24 hours to log in again. It works once:

%s

Otherwise there is nothing to do: nobody got in.`, p.link("/unlock", token))
}

// AuthenticatorAdded tells a person that logins now require a code of their app.
func (p Mailer) AuthenticatorAdded(to string) mail.Message {
	return p.factors(to, "From now on you need a code from your authenticator app to log in.",
		"A new password does not remove the app: log in afterwards and remove it. If you cannot log in\nwithout its code, ask a platform administrator to remove your second factors.")
}

// AuthenticatorRemoved tells a person that their authenticator app was removed.
func (p Mailer) AuthenticatorRemoved(to string) mail.Message {
	return p.factors(to, "Your authenticator app was removed: its codes no longer work.", "Then log in and add the app again.")
}

// PasskeyAdded tells a person that a passkey was added.
func (p Mailer) PasskeyAdded(to string) mail.Message {
	return p.factors(to, "A passkey was added to your account: whoever has it can log in as you.",
		"A new password does not remove the passkey: log in afterwards and delete it. If you cannot log in\nwithout it, ask a platform administrator to remove your second factors.")
}

// PasskeyDeleted tells a person that a passkey was deleted.
func (p Mailer) PasskeyDeleted(to string) mail.Message {
	return p.factors(to, "A passkey of your account was deleted: it no longer works.", "Then log in and add the passkey again.")
}

// RecoveryCodesReplaced tells a person that their recovery codes were replaced.
func (p Mailer) RecoveryCodesReplaced(to string) mail.Message {
	return p.factors(to, "Your recovery codes were replaced: the earlier ones no longer work.",
		"Then log in and replace the codes again: a new password does not change them.")
}

func (p Mailer) factors(to, what, undo string) mail.Message {
	return p.securityNotice(to, "Your login methods have changed", what, undo)
}

// RecoveryCodeUsed tells a person that a recovery code was used and how many are left.
func (p Mailer) RecoveryCodeUsed(to string, left int) mail.Message {
	return p.securityNotice(to, "A recovery code was used", fmt.Sprintf("You logged in with a recovery code, which cannot be used again. You have %d left.", left),
		"Then log in and replace the codes: a new password does not change them.")
}

// SecondFactorGuessed tells a person that somebody knows their password.
func (p Mailer) SecondFactorGuessed(to string) mail.Message {
	return p.securityNotice(to, "Somebody has your password", fmt.Sprintf(`Somebody entered your correct password, but then a wrong second factor %d times. They did not get in.`, store.MaxCodeAttempts), "")
}

// PasskeyCopied tells a person that a passkey was refused because it may have been copied.
func (p Mailer) PasskeyCopied(to string) mail.Message {
	return message(to, "One of your passkeys may have been copied", `Somebody tried to log in to your account with one of your passkeys. It was refused because its
use counter was lower than expected, which happens if it was copied.

If you just tried to log in, log in another way, delete that passkey and add a new one. If
it was not you, do the same and tell your organization's admins. If you have no other way to
log in, ask a platform administrator to remove your second factors.`)
}

// IdentityLinked tells a person that a login of another issuer acts as them.
func (p Mailer) IdentityLinked(to, issuer string) mail.Message {
	return p.securityNotice(to, "A login was linked to your account",
		"A login of "+issuer+" was linked to your account and acts as you until you unlink it.",
		"A new password does not unlink the login: log in afterwards and unlink it.")
}

// IdentityUnlinked tells a person that a login of another issuer was unlinked.
func (p Mailer) IdentityUnlinked(to, issuer string) mail.Message {
	return p.securityNotice(to, "A login was unlinked from your account",
		"A login of "+issuer+" was unlinked from your account and can no longer act as you.", "You can then link it again.")
}

// APIKeyCreated tells a person of a new key that acts as them.
func (p Mailer) APIKeyCreated(to string) mail.Message {
	return p.securityNotice(to, "Your account has a new API key", "A new API key acts as you until you revoke it.", newKeys)
}

// APIKeyRotated tells a person that one of their API keys has a new secret.
func (p Mailer) APIKeyRotated(to string) mail.Message {
	return p.securityNotice(to, "Your API key has a new secret", "An API key that acts as you has a new secret. You can revoke the key.", newKeys)
}

const newKeys = "The new password also revokes API keys of the last 30 days. To revoke only this one, log in."

// SessionsEnded tells a person that another session of theirs ended sessions.
func (p Mailer) SessionsEnded(to string) mail.Message {
	return p.securityNotice(to, "Some of your sessions were ended", "Sessions of your account were ended from another of your sessions.", "")
}

// SessionStolen tells a person that a session was ended because one of its tokens was used
// twice.
func (p Mailer) SessionStolen(to string) mail.Message {
	return p.securityNotice(to, "A session of your account was ended for your security", `A token of one of your sessions was used twice. This happens when the token was copied or when
a program kept an old one. The session was ended: log in again where you need it.`, "")
}

// securityNotice writes a mail that says what happened and what to do if it was somebody else:
// choose a new password and, if that is not enough, undo the change.
func (p Mailer) securityNotice(to, subject, what, undo string) mail.Message {
	if undo != "" {
		undo = "\n\n" + undo
	}
	return message(to, subject, `%s

If it was you, there is nothing to do. If it was not you, choose a new password now, which also
ends your sessions:

%s%s`, what, p.pages+"/password/forgot", undo)
}

// Impersonated tells a person who acts as them, until when, and why. The admin typed the
// reason, one line of at most 200 characters. The person has a right to know it, and an
// audited platform admin is trusted not to abuse it.
func (p Mailer) Impersonated(to string, until time.Time, reason string) mail.Message {
	return message(to, "An administrator is acting as you", `A platform administrator is acting as you until %s at the latest.
The reason given is:

%s

Everything that the administrator does is recorded. You can end this session in the list of your
sessions. If you did not expect this, ask the platform's operator.`, until.UTC().Format("15:04 MST on 2 January 2006"), reason)
}

// OtherCredentials counts the credentials of one kind, other than the password, that give
// access to an account, and says when the newest was created.
type OtherCredentials struct {
	Kind    string
	Count   int
	Newest  time.Time
	Revoked bool // just now
}
