package notify

import (
	"fmt"
	"time"

	"function/functions/users/internal/store"
	"function/shared/mail"
)

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
