package credential

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/fault"
	"function/shared/mail"
	"function/shared/metrics"
	"function/shared/outbox"
)

// Assertion is a passkey's response to a challenge.
type Assertion struct {
	ChallengeToken string          `json:"challenge_token" maxLength:"100"`
	Credential     json.RawMessage `json:"credential" doc:"What navigator.credentials.create() or get() resolved to, as its toJSON() writes it" example:"{\"id\": \"q83vEjRWeJA\", \"rawId\": \"q83vEjRWeJA\", \"type\": \"public-key\", \"response\": {\"clientDataJSON\": \"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiQUEiLCJvcmlnaW4iOiJodHRwczovL2FwcC5leGFtcGxlLmNvbSJ9\", \"authenticatorData\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAFAAAAAQ\", \"signature\": \"AA\"}}"`
}

// Proof is one proof of a person's identity, as sent by the caller.
type Proof struct {
	Code         string
	RecoveryCode string
	Passkey      *Assertion
	Password     string // for step-up authentication only

	passwordIsRight bool
}

// Check returns an error unless the request contains exactly one proof.
func (p Proof) Check() error {
	given := 0
	for _, is := range []bool{p.Code != "", p.RecoveryCode != "", p.Passkey != nil, p.Password != ""} {
		if is {
			given++
		}
	}
	if given != 1 {
		return fault.At("body", "give exactly one proof")
	}
	return nil
}

// method names the kind of proof.
func (p Proof) method() string {
	switch {
	case p.Passkey != nil:
		return Passkey
	case p.RecoveryCode != "":
		return RecoveryCode
	case p.Password != "":
		return Password
	}
	return TOTP
}

// ProofResult is the result of checking a proof.
type ProofResult struct {
	Method  string   // TOTP, Passkey, RecoveryCode or Password
	Methods []string // RFC 8176, for the token
	Refused string   // why it was refused, for the audit trail; empty: accepted
}

// Prove checks a person's second factor and consumes it. A refusal is not an error: the caller
// records it and commits, so that the consumed challenge stays consumed.
func (p Passkeys) Prove(ctx context.Context, tx *outbox.Tx, user uuid.UUID, proof Proof) (out ProofResult, err error) {
	out = ProofResult{Method: proof.method(), Methods: []string{"otp", "mfa"}}
	switch out.Method {
	case Passkey:
		return p.assert(ctx, tx, user, *proof.Passkey)
	case RecoveryCode:
		out.Refused, err = takeRecoveryCode(ctx, p.SecondFactors.Store, tx, user, proof.RecoveryCode)
	default:
		out.Refused, err = useTOTPCode(ctx, p.SecondFactors.Store, tx, user, proof.Code)
	}
	return out, err
}

// GuardLogin counts an attempt at a second factor of a login. Only codes are short enough to be
// guessed, so other proofs are not counted.
func GuardLogin(ctx context.Context, s store.Store, user uuid.UUID, proof Proof) error {
	if proof.Code == "" {
		return nil
	}
	return session.CountGuess(ctx, s, session.LoginGuesses(s, user))
}

// RecordLoginProof records the result of a login's second factor and mails the person a warning
// after too many wrong ones, or a notice of a used recovery code.
func (s SecondFactors) RecordLoginProof(ctx context.Context, tx *outbox.Tx, l *PendingLogin, p ProofResult) error {
	entry := audit.Entry{Action: "second_factor:verify", ActorID: l.UserID, OrganizationID: l.OrganizationID}
	if err := recordLogin(ctx, s.Store, tx, entry, p); err != nil {
		return err
	}
	switch {
	case p.Refused != "" && l.Attempt == store.MaxCodeAttempts:
		may, err := notify.MayWarn(ctx, s.Store, tx, l.UserID)
		if err != nil || !may {
			return err
		}
		return s.mailer.Notify(ctx, tx, l.UserID, s.mailer.SecondFactorGuessed)
	case p.Refused != "":
		return nil
	case p.Method == RecoveryCode:
		return s.notifyRecoveryCodeUsed(ctx, tx, l.UserID)
	case p.Method == TOTP:
		return session.ForgetGuesses(ctx, s.Store, tx, l.UserID)
	}
	return nil
}

// RecordPasskeyLogin records the result of a login with only a passkey.
func (s SecondFactors) RecordPasskeyLogin(ctx context.Context, tx *outbox.Tx, l session.Login, p ProofResult) error {
	return recordLogin(ctx, s.Store, tx, audit.Entry{Action: "passkeys:login", ActorID: l.UserID, OrganizationID: l.OrganizationID}, p)
}

// recordLogin records the result of a proof that a login needs. A refused proof counts as a
// failed login.
func recordLogin(ctx context.Context, s store.Store, tx *outbox.Tx, entry audit.Entry, p ProofResult) error {
	if err := record(ctx, s, tx, entry, p); err != nil || p.Refused == "" {
		return err
	}
	return metrics.Add(ctx, tx, session.LoginsTotal, metrics.Labels{"result": "failure"}, 1)
}

// record writes the audit entry and updates the metric.
func record(ctx context.Context, s store.Store, tx *outbox.Tx, entry audit.Entry, p ProofResult) error {
	result := "accepted"
	if p.Refused != "" {
		result = "refused"
	}
	entry.Refused, entry.Detail = p.Refused, map[string]any{"method": p.Method}
	if err := audit.Record(ctx, tx, entry); err != nil {
		return err
	}
	return metrics.Add(ctx, tx, "user_mfa_total", metrics.Labels{"method": p.Method, "result": result}, 1)
}

func (s SecondFactors) notifyRecoveryCodeUsed(ctx context.Context, tx *outbox.Tx, user uuid.UUID) error {
	factors, err := FactorsOf(ctx, tx, user)
	if err != nil {
		return err
	}
	return s.mailer.Notify(ctx, tx, user, func(to string) mail.Message { return s.mailer.RecoveryCodeUsed(to, factors.RecoveryCodes) })
}
