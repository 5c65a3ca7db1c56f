package users

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"function/shared/fault"
	"function/shared/function"
	"function/shared/mail"
	"function/shared/outbox"
	"function/shared/secret"
)

// Post is the domain's mail to people. A mail says what it is about, what to do, and
// what to do if it was not you. It holds nothing that somebody else has typed, such
// as a name: nobody can have us mail their words to a stranger.
type Post struct {
	keeper *secret.Keeper
	pages  string // PUBLIC_URL; empty: this deployment sends no mail
}

// Post opens the mail, if a mail server is configured.
func (s Store) Post(env *function.Env) (Post, error) {
	p := Post{keeper: s.Keeper}
	if env.Config.SMTPURL == "" {
		return p, nil
	}
	u, err := url.Parse(env.Config.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return p, errors.New("mail is configured (SMTP_URL) without PUBLIC_URL, the https://… that its links begin with")
	}
	p.pages = strings.TrimSuffix(u.String(), "/")
	return p, nil
}

// Sends tells whether this deployment sends mail.
func (p Post) Sends() bool { return p.pages != "" }

// Needed refuses what cannot be done without mail.
func (p Post) Needed() error {
	if p.Sends() {
		return nil
	}
	return fault.New(fault.Unavailable, "This needs mail, which is not configured here: ask an admin")
}

// Queue has a mail sent once the transaction has committed, if mail is configured.
func (p Post) Queue(ctx context.Context, tx *outbox.Tx, m mail.Message) error {
	if !p.Sends() {
		return nil
	}
	return mail.Queue(ctx, tx, p.keeper, m)
}

// link leads to a page with a token. The token is in the fragment, which a browser
// sends to no server: it is in no log and in no Referer.
func (p Post) link(page, token string) string { return p.pages + page + "#token=" + token }

func letter(to, subject, format string, arguments ...any) mail.Message {
	return mail.Message{To: to, Subject: subject, Text: fmt.Sprintf("Hello,\n\n"+format+"\n\n-- \n002AIC data services\n", arguments...)}
}

// ConfirmRegistration asks whoever reads an address to open the account.
func (p Post) ConfirmRegistration(to, token string) mail.Message {
	return letter(to, "Confirm your email address", `An account with this email address was asked for. To open it, follow this link within
24 hours:

%s

If it was not you, do nothing: no account is opened without this link.`, p.link("/register/confirm", token))
}

// AlreadyRegistered tells a person that somebody tried to register with their address.
func (p Post) AlreadyRegistered(to string) mail.Message {
	return letter(to, "You have an account already", `Somebody, probably you, asked for an account with this email address. You have one already:
log in with it. If you have forgotten the password, ask for a new one here:

%s

If it was not you, there is nothing to do: your account is as it was.`, p.pages+"/password/forgot")
}

// VerifyEmail asks a person with an account to show that the address is theirs.
func (p Post) VerifyEmail(to, token string) mail.Message {
	return letter(to, "Confirm your email address", `To confirm that this is the email address of your account, follow this link within 24 hours:

%s

If you have no account with us, do nothing, and nothing more will come.`, p.link("/email/verify", token))
}

// ResetPassword lets a person choose a new password.
func (p Post) ResetPassword(to, token string) mail.Message {
	return letter(to, "Choose a new password", `A new password for your account was asked for. To choose it, follow this link within an
hour. It works once.

%s

If it was not you, do nothing: your password stays as it is. Never pass this link on.`, p.link("/password/reset", token))
}

// PasswordChanged tells a person that the password is another one now.
func (p Post) PasswordChanged(to string) mail.Message {
	return letter(to, "Your password was changed", `The password of your account was changed, and your other sessions were ended.

If it was you, there is nothing to do. If it was not, choose a new password now, and tell
your organization's admins:

%s`, p.pages+"/password/forgot")
}

// ConfirmEmailChange asks whoever reads a person's new address to confirm it.
func (p Post) ConfirmEmailChange(to, token string) mail.Message {
	return letter(to, "Confirm your new email address", `An account is to have this email address from now on. To confirm that, follow this link
within an hour:

%s

If it was not you, do nothing: the account keeps the address that it has.`, p.link("/email/change/confirm", token))
}

// EmailChangeAsked tells a person, at the present address, that another one is to
// take its place.
func (p Post) EmailChangeAsked(to string) mail.Message {
	return letter(to, "Your email address is about to be changed", `Somebody who knows your password asked to change the email address of your account. The
change happens when the new address is confirmed.

If it was you, confirm it by the mail that went there. If it was not, choose a new password
now, which also stops the change:

%s`, p.pages+"/password/forgot")
}

// EmailChanged tells a person, at the address that was, that it is no more.
func (p Post) EmailChanged(to string) mail.Message {
	return letter(to, "Your email address was changed", `This is no longer the email address of your account. You log in with the new one, and all
mail goes there.

If it was not you, tell your organization's admins at once.`)
}

// AccountErased tells a person, at the address that was theirs, that their account
// is no more.
func (p Post) AccountErased(to string) mail.Message {
	return letter(to, "Your account was erased", `Your account was erased, as somebody asked who had just proved to be you. What was on file
about you cannot be read any more, and your memberships have ended. With this mail, we
forget this address.

If it was not you, tell the admins of your organizations at once.`)
}

// Invitation lets whoever reads an address join the organization that invited it.
func (p Post) Invitation(to, token string) mail.Message {
	return letter(to, "You are invited", `You are invited to join an organization. To accept, follow this link within 7 days, and log
in, or open an account, with this email address:

%s

If you do not know why, do nothing, and nothing happens.`, p.link("/invitations/accept", token))
}

// SecondFactor tells a person what happened to how they log in.
func (p Post) SecondFactor(to, what string) mail.Message {
	return letter(to, "How you log in has changed", `%s

If it was you, there is nothing to do. If it was not, choose a new password now, which also
ends your sessions:

%s`, what, p.pages+"/password/forgot")
}
