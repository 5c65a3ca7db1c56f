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

// Mailer is the domain's mail to people: all that anybody is mailed is one of its
// methods. A mail says what it is about, what to do, and what to do if it was not you.
//
// It holds nothing that the recipient may not have typed, not even a name: nobody can
// have us mail their words to a stranger, by registering an account or founding an
// organization that is called so. The one exception is the reason in [Post.Impersonated].
//
// Where no mail server is configured, what a person is only told of is not sent, and
// nothing waits in the queue until one is; what cannot be done without mail is refused
// ([Post.Needed]).
type Mailer struct {
	store store.Store
	pages string // PUBLIC_URL; empty: this deployment sends no mail
}

// NewMailer opens the mail, if a mail server is configured.
func NewMailer(s store.Store, env *function.Env) (Mailer, error) {
	p := Mailer{store: s}
	if !env.Config.SendsMail {
		return p, nil
	}
	u, err := PagesOf(env.Config)
	if err != nil {
		return p, fmt.Errorf("mail is configured (MAIL): %w", err)
	}
	p.pages = strings.TrimSuffix(u.String(), "/")
	return p, nil
}

// PagesOf is where the pages are that people see. The name that knative/base gives
// them stands for one that has not been chosen (RFC 6761 §6.4).
func PagesOf(c function.Config) (*url.URL, error) {
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.HasSuffix(u.Hostname(), ".invalid") {
		return nil, errors.New("PUBLIC_URL must be the https:// URL of the pages that people see: mails link to it, and passkeys are bound to its host")
	}
	return u, nil
}

// Sends tells whether this deployment sends mail.
func (p Mailer) Sends() bool { return p.pages != "" }

// Needed refuses what cannot be done without mail.
func (p Mailer) Needed() error {
	if p.Sends() {
		return nil
	}
	return fault.New(fault.Unavailable, "This requires mail, which is not configured on this platform: ask an administrator")
}

// Queue has a mail about a person (uuid.Nil: who has no account) sent once the transaction
// has committed, if mail is configured. It is taken back when the person is erased: what
// tells of that itself is queued after.
func (p Mailer) Queue(ctx context.Context, tx *outbox.Tx, personID uuid.UUID, m mail.Message) error {
	if !p.Sends() {
		return nil
	}
	return mail.Queue(ctx, tx, p.store.Keeper, mail.About{PersonID: personID, AddressIndex: person.EmailIndex(p.store.Keeper, m.To)}, m)
}

// Tell queues a mail to a person's present address: so that they notice what somebody
// else did to their account (OWASP ASVS 5.0 §6.3.7).
func (p Mailer) Tell(ctx context.Context, tx *outbox.Tx, personID uuid.UUID, write func(to string) mail.Message) error {
	if !p.Sends() {
		return nil
	}
	name, err := person.NameOf(ctx, p.store, tx, personID)
	if err != nil {
		return err
	}
	return p.Queue(ctx, tx, personID, write(name.Email))
}

// link leads to a page with a token. The token is in the fragment, which a browser
// sends to no server: it is in no log and in no Referer.
func (p Mailer) link(page, token string) string { return p.pages + page + "#token=" + token }

func letter(to, subject, format string, arguments ...any) mail.Message {
	return mail.Message{To: to, Subject: subject, Text: fmt.Sprintf("Hello,\n\n"+format+"\n\n-- \n002AIC data services\n", arguments...)}
}

// ConfirmRegistration asks whoever reads an address to open the account.
func (p Mailer) ConfirmRegistration(to, token string) mail.Message {
	return letter(to, "Confirm your email address", `Somebody, probably you, registered an account with this email address. To complete the registration,
follow this link within 24 hours and enter the password that you chose:

%s

If it was not you, do nothing: no account is created and you get no further mail. Never enter
a password here that somebody else gave you: they would have access to the account, too.`, p.link("/register/confirm", token))
}

// AlreadyRegistered tells a person that somebody tried to register with their address.
func (p Mailer) AlreadyRegistered(to string) mail.Message {
	return letter(to, "You already have an account", `Somebody, probably you, tried to register an account with this email address. You already have
one: log in with it. If you have forgotten the password, request a new one here:

%s

If it was not you, there is nothing to do: your account has not changed.`, p.pages+"/password/forgot")
}

// VerifyEmail asks a person with an account to show that the address is theirs.
func (p Mailer) VerifyEmail(to, token string) mail.Message {
	return letter(to, "Confirm your email address", `An account was registered with this email address. If it was you, confirm the address: follow
this link within 24 hours and enter the account's password.

%s

If it was not you, do not follow the link: somebody entered your address, by mistake or on
purpose. You can take the account over by choosing a new password for it, and then erase
it or use it yourself:

%s`, p.link("/email/verify", token), p.pages+"/password/forgot")
}

// ResetPassword lets a person choose a new password.
func (p Mailer) ResetPassword(to, token string) mail.Message {
	return letter(to, "Choose a new password", `Somebody, probably you, requested a new password for your account. To choose it, follow this
link within an hour. It works once.

%s

If it was not you, do nothing: your password does not change. Never share this link.`, p.link("/password/reset", token))
}

// PasswordChanged tells a person that the password is another one now, and what else logs
// them in or acts as them: a new password takes nothing of that away.
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
	return letter(to, "Your password was changed", `The password of your account was changed and your other sessions were ended.

If it was you, there is nothing more to do. If it was not you, choose a new password now and
tell your organization's admins:

%s%s`, p.pages+"/password/forgot", more)
}

// Disowned tells a person, who has chosen the first password that is surely theirs, what
// was in the account before.
func (p Mailer) Disowned(to string, had []OtherCredentials) mail.Message {
	var removed strings.Builder
	for _, b := range had {
		fmt.Fprintf(&removed, "- %s: %d, the newest of %s\n", b.Kind, b.Count, b.Newest.UTC().Format("2 January 2006"))
	}
	return letter(to, "Your account was cleared", `You have chosen a password for an account whose address had never been confirmed. Everything
added to it before, by you or by somebody else who entered your address, was removed, as were
all its API keys, its sessions and the invitations that it had sent:

%s

Log in and add what was yours again. Also check who else belongs to the organizations that the
account owns, and their data: somebody else may have put it there.`, strings.TrimSpace(removed.String()))
}

// ConfirmEmailChange asks whoever reads a person's new address to confirm it.
func (p Mailer) ConfirmEmailChange(to, token string) mail.Message {
	return letter(to, "Confirm your new email address", `Somebody, probably you, wants to change the email address of their account to this one.
To confirm the change, follow this link within an hour and enter the account's password:

%s

If it was not you, do nothing: the account keeps its current address and you get no mail
about it. Never enter a password here that somebody else gave you.`, p.link("/email/change/confirm", token))
}

// EmailChangeAsked tells a person, at the present address, that another one is to
// take its place.
func (p Mailer) EmailChangeAsked(to string) mail.Message {
	return letter(to, "Your email address is about to be changed", `Somebody who knows your password requested a new email address for your account. The
change happens when the new address is confirmed.

If it was you, follow the link in the mail to the new address. If it was not you, choose a new
password now, which also cancels the change and ends all sessions:

%s`, p.pages+"/password/forgot")
}

// EmailChanged tells a person, at the address that was, that it is no more.
func (p Mailer) EmailChanged(to string) mail.Message {
	return letter(to, "Your email address was changed", `This is no longer the email address of your account. Use the new address to log in; all
mail goes there from now on.

If it was not you, tell your organization's admins at once.`)
}

// AccountErased tells a person, at the address that was theirs, that their account
// is no more.
func (p Mailer) AccountErased(to string) mail.Message {
	return letter(to, "Your account was erased", `Your account was erased at the request of somebody who had just authenticated as you. Your
personal data can no longer be read, and your memberships have ended. After this mail we
delete this address.

If it was not you, tell the admins of your organizations at once.`)
}

// Welcome tells a person that their organization has opened an account for them.
func (p Mailer) Welcome(to, token string) mail.Message {
	return letter(to, "Your account", `The organization that gave you this email address has created an account for you. To choose a
password, follow this link within 7 days. It works once.

%s

After that, request a new link here: %s

If you did not expect it, ask your organization's admins. Never share this link.`, p.link("/password/reset", token), p.pages+"/password/forgot")
}

// AccountClosed tells a person that their organization has deleted the account that it
// had opened for them.
func (p Mailer) AccountClosed(to string) mail.Message {
	return letter(to, "Your account was deleted", `The organization that created your account has deleted it. Your personal data can no longer
cannot be read any more. With this mail, we delete this address.

If you did not expect it, ask your organization's admins.`)
}

// EmailMoved tells a person, at the new address, that their organization has given
// their account this one.
func (p Mailer) EmailMoved(to string) mail.Message {
	return letter(to, "Your email address was changed", `Your organization has changed the email address of your account to this one. Use it to log in
from now on; all mail comes here.

If you did not expect it, ask your organization's admins.`)
}

// AccountErasedByAdmin tells a person, at the address that was theirs, that an admin has
// erased their account.
func (p Mailer) AccountErasedByAdmin(to string) mail.Message {
	return letter(to, "Your account was erased", `A platform administrator has erased your account, as people who can no longer log in may
request. Your personal data can no longer be read, and your memberships have
ended. With this mail, we delete this address.

If you did not request this, contact the platform's operator.`)
}

// DataExported tells a person that all that is on file about them has left the platform.
func (p Mailer) DataExported(to string) mail.Message {
	return p.unlessYou(to, "Your data was exported", "Your personal data was exported by somebody who had just authenticated as you.", "")
}

// Invitation lets whoever reads an address join the organization that invited it.
func (p Mailer) Invitation(to, token string) mail.Message {
	return letter(to, "You are invited", `A member of an organization invites you to join it. You would work with its data, and its
admins would see your name and address. The link below shows which organization it is and
which role you would have. To accept, follow it within 7 days and log in, or register, with
this email address:

%s

If you do not know who invited you, or do not want to join, do nothing: the invitation
expires.`, p.link("/invitations/accept", token))
}

// RoleChangeWaits asks a person to decide about a change of roles.
func (p Mailer) RoleChangeWaits(to string, organization uuid.UUID) mail.Message {
	return letter(to, "A role change needs your approval", `A member of your organization has requested a change of roles or permissions. It takes effect
only if a second person, such as you, approves it within 7 days. Review it here:

%s`, p.roleChanges(organization))
}

// SecondPersonEnds tells a person that an owner wants to end the second person's
// approval, alone from a time on.
func (p Mailer) SecondPersonEnds(to string, organization uuid.UUID, from time.Time) mail.Message {
	return letter(to, "Second-person approval is about to be turned off", `An owner of your organization wants role changes to take effect at once, without a second
person's approval. Anyone who can approve role changes can reject this:

%s

If nobody rejects it by %s, the owner can turn the approval off alone. If you do not know why,
ask the owners of your organization.`, p.roleChanges(organization), from.UTC().Format("15:04 MST on 2 January 2006"))
}

// SecondPersonEnded tells a person that an owner has ended the second person's approval.
func (p Mailer) SecondPersonEnded(to string, organization uuid.UUID) mail.Message {
	return letter(to, "Second-person approval was turned off", `An owner of your organization has turned off second-person approval of role changes without
a second person. All members were notified a week ago, and nobody rejected it:

%s

If you do not know why, ask the owners of your organization.`, p.roleChanges(organization))
}

func (p Mailer) roleChanges(organization uuid.UUID) string {
	return p.pages + "/organizations/" + organization.String() + "/role-changes"
}

// PasswordDemanded tells a person that an admin has logged them out, and demands a new
// password.
func (p Mailer) PasswordDemanded(to string) mail.Message {
	return letter(to, "Choose a new password", `A platform administrator requires you to choose a new password. You have been logged out
everywhere, and your current password no longer works. Choose a different one here:

%s`, p.pages+"/password/forgot")
}

// AccountSuspended tells a person that nobody can log in to their account any more.
func (p Mailer) AccountSuspended(to string) mail.Message {
	return letter(to, "Your account is suspended", `A platform administrator has suspended your account. You have been logged out
everywhere, and cannot log in until it is restored. Nothing was deleted.

To learn why, contact the platform's operator.`)
}

// AccountRestored tells a person that they can log in again.
func (p Mailer) AccountRestored(to string) mail.Message {
	return letter(to, "Your account is restored", `A platform administrator has ended the suspension of your account. You can log in as before.`)
}

// SecondFactorsReset tells a person that a password is enough to log in as them.
func (p Mailer) SecondFactorsReset(to string) mail.Message {
	return letter(to, "Your second factors were removed", `A platform administrator has removed your authenticator app, your passkeys and your
recovery codes, and you have been logged out everywhere. Log in with your password, and add
a second factor again.

If you did not request this, choose a new password now and tell the platform's operator:

%s`, p.pages+"/password/forgot")
}

// PlatformAdminGranted tells a person that they can administer the platform now.
func (p Mailer) PlatformAdminGranted(to string) mail.Message {
	return letter(to, "You are now a platform administrator", `A platform administrator has made you one too: you can find people's accounts, suspend
and restore them, and act as their owners. All these actions are recorded. Protect your
account with a second factor.

If you did not expect this, tell the platform's operator.`)
}

// PlatformAdminRevoked tells a person that they administer the platform no more.
func (p Mailer) PlatformAdminRevoked(to string) mail.Message {
	return letter(to, "You are no longer a platform administrator", `Another platform administrator has revoked your administrator rights. Your account and your roles in
your organizations have not changed.

If you did not expect this, ask the platform's operator.`)
}

// Unlock lets a person log in at once whose passwords somebody guesses.
func (p Mailer) Unlock(to, token string) mail.Message {
	return letter(to, "Your account is protected from password guessing", `Somebody tried many passwords for your account. None was correct. For a while, logins from
places that you have not used before are delayed. You can still log in from places that you
have used before.

If you are locked out yourself, follow this link within 24 hours to log in again. It works once:

%s

Otherwise there is nothing to do: nobody got in.`, p.link("/unlock", token))
}

// AuthenticatorAdded tells a person that logins take codes of their app now.
func (p Mailer) AuthenticatorAdded(to string) mail.Message {
	return p.factors(to, "From now on you need a code from your authenticator app to log in.",
		"A new password does not remove the app: log in afterwards and remove it. If you cannot log in\nwithout its code, ask a platform administrator to remove your second factors.")
}

// AuthenticatorRemoved tells a person that logins take no codes of their app any more.
func (p Mailer) AuthenticatorRemoved(to string) mail.Message {
	return p.factors(to, "Your authenticator app was removed: its codes no longer work.", "Then log in and add the app again.")
}

// PasskeyAdded tells a person of a new passkey.
func (p Mailer) PasskeyAdded(to string) mail.Message {
	return p.factors(to, "A passkey was added to your account: whoever has it can log in as you.",
		"A new password does not remove the passkey: log in afterwards and delete it. If you cannot log in\nwithout it, ask a platform administrator to remove your second factors.")
}

// PasskeyDeleted tells a person of a passkey that is good no more.
func (p Mailer) PasskeyDeleted(to string) mail.Message {
	return p.factors(to, "A passkey of your account was deleted: it no longer works.", "Then log in and add the passkey again.")
}

// RecoveryCodesReplaced tells a person which recovery codes are good.
func (p Mailer) RecoveryCodesReplaced(to string) mail.Message {
	return p.factors(to, "Your recovery codes were replaced: the earlier ones no longer work.",
		"Then log in and replace the codes again: a new password does not change them.")
}

func (p Mailer) factors(to, what, undo string) mail.Message {
	return p.unlessYou(to, "Your login methods have changed", what, undo)
}

// RecoveryCodeUsed tells a person how many codes are left.
func (p Mailer) RecoveryCodeUsed(to string, left int) mail.Message {
	return p.unlessYou(to, "A recovery code was used", fmt.Sprintf("You logged in with a recovery code, which cannot be used again. You have %d left.", left),
		"Then log in and replace the codes: a new password does not change them.")
}

// SecondFactorGuessed tells a person that somebody knows their password.
func (p Mailer) SecondFactorGuessed(to string) mail.Message {
	return p.unlessYou(to, "Somebody has your password", fmt.Sprintf(`Somebody entered your correct password, but then a wrong second factor %d times. They did not get in.`, store.CodeAttempts), "")
}

// PasskeyCopied tells a person that a passkey was refused that may be a copy.
func (p Mailer) PasskeyCopied(to string) mail.Message {
	return letter(to, "One of your passkeys may have been copied", `Somebody tried to log in to your account with one of your passkeys. It was refused because its
use counter was lower than expected, which happens if it was copied.

If you just tried to log in, log in another way, delete that passkey and add a new one. If
it was not you, do the same and tell your organization's admins. If you have no other way to
log in, ask a platform administrator to remove your second factors.`)
}

// IdentityLinked tells a person that a login of another issuer acts as them.
func (p Mailer) IdentityLinked(to, issuer string) mail.Message {
	return p.unlessYou(to, "A login was linked to your account",
		"A login of "+issuer+" was linked to your account and acts as you until you unlink it.",
		"A new password does not unlink the login: log in afterwards and unlink it.")
}

// IdentityUnlinked tells a person that such a login acts as them no more.
func (p Mailer) IdentityUnlinked(to, issuer string) mail.Message {
	return p.unlessYou(to, "A login was unlinked from your account",
		"A login of "+issuer+" was unlinked from your account and can no longer act as you.", "You can then link it again.")
}

// APIKeyMade tells a person of a new key that acts as them.
func (p Mailer) APIKeyMade(to string) mail.Message {
	return p.unlessYou(to, "Your account has a new API key", "A new API key acts as you until you revoke it.", newKeys)
}

// APIKeyRotated tells a person of a new secret of such a key.
func (p Mailer) APIKeyRotated(to string) mail.Message {
	return p.unlessYou(to, "Your API key has a new secret", "An API key that acts as you has a new secret. You can revoke the key.", newKeys)
}

const newKeys = "The new password also revokes API keys of the last 30 days. To revoke only this one, log in."

// SessionsEnded tells a person of logouts from another session.
func (p Mailer) SessionsEnded(to string) mail.Message {
	return p.unlessYou(to, "Some of your sessions were ended", "Sessions of your account were ended from another of your sessions.", "")
}

// SessionStolen tells a person of a session that ended because a token of it was
// used twice.
func (p Mailer) SessionStolen(to string) mail.Message {
	return p.unlessYou(to, "A session of your account was ended for your security", `A token of one of your sessions was used twice. This happens when the token was copied or when
a program kept an old one. The session was ended: log in again where you need it.`, "")
}

// unlessYou tells what has happened, and what to do if it was somebody else: a new
// password, and, unless that is all, how to undo it.
func (p Mailer) unlessYou(to, subject, what, undo string) mail.Message {
	if undo != "" {
		undo = "\n\n" + undo
	}
	return letter(to, subject, `%s

If it was you, there is nothing to do. If it was not you, choose a new password now, which also
ends your sessions:

%s%s`, what, p.pages+"/password/forgot", undo)
}

// Impersonated tells a person who acts as them, how long, and why. The reason is what
// the admin has typed, one line of 200 characters at most: the person is owed it, and
// an admin of the platform, whose act is audited, is no stranger who abuses our name.
func (p Mailer) Impersonated(to string, until time.Time, reason string) mail.Message {
	return letter(to, "An administrator is acting as you", `A platform administrator is acting as you until %s at the latest.
The reason given is:

%s

Everything that the administrator does is recorded. You can end this session in the list of your
sessions. If you did not expect this, ask the platform's operator.`, until.UTC().Format("15:04 MST on 2 January 2006"), reason)
}

// OtherCredentials is what logs a person in, or acts as them, beside the password: how much there is
// of each kind, and since when the newest.
type OtherCredentials struct {
	Kind    string
	Count   int
	Newest  time.Time
	Revoked bool // just now
}
