package credential

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/fault"
	"function/shared/outbox"
)

// GuardStepUp counts an attempt at step-up authentication in a session.
func GuardStepUp(ctx context.Context, s store.Store, sessionID uuid.UUID) error {
	return session.CountGuess(ctx, s, session.StepUpGuesses(s, sessionID))
}

const selectPassword = `SELECT coalesce(password_hash, '') FROM users WHERE id = $1`

// CheckPassword checks the password of a proof, if it contains one, and stores the result in the
// proof.
func CheckPassword(ctx context.Context, s Passwords, user uuid.UUID, proof Proof) (Proof, error) {
	if proof.Password == "" {
		return proof, nil
	}
	var hash string
	if err := s.Store.DB.QueryRow(ctx, selectPassword, user).Scan(&hash); err != nil {
		return proof, fmt.Errorf("read password of user %s: %w", user, err)
	}
	var err error
	proof.passwordIsRight, err = s.Hasher.Verify(ctx, proof.Password, hash)
	return proof, err
}

// Fault explains to the caller why step-up authentication was refused. It is an error of the
// body, not a 401, since the token is valid. Only a caller who knows the password learns that a
// second factor is required.
func (p ProofResult) Fault() error {
	switch {
	case p.Method == Passkey:
		return fault.At("body.passkey", "The passkey was not accepted: begin again")
	case p.Method == TOTP:
		return fault.At("body.code", "The code is wrong or was already used")
	case p.Refused == secondFactorNeeded:
		return fault.At("body.password", "You have a second factor: use it instead of the password")
	}
	return fault.At("body.password", "This is not your password")
}

// secondFactorNeeded refuses the correct password of a person with a second factor.
const secondFactorNeeded = "second_factor_needed"

const (
	renewPassword = `UPDATE sessions SET authenticated_at = now() WHERE id = $1`
	renewFactor   = `
UPDATE sessions SET second_factor_at = now(), methods = methods || ARRAY(SELECT unnest($2::text[]) EXCEPT SELECT unnest(methods))
WHERE id = $1`
)

// StepUp checks a proof, records the result, and renews the session's authentication time.
func (p Passkeys) StepUp(ctx context.Context, tx *outbox.Tx, caller auth.Caller, proof Proof) (ProofResult, error) {
	proved, err := p.checkStepUp(ctx, tx, caller, proof)
	if err != nil {
		return proved, err
	}
	organization, err := organizationOf(ctx, tx, caller)
	if err != nil {
		return proved, err
	}
	entry := audit.Entry{Action: "sessions:step_up", ResourceID: caller.SessionID.String(), OrganizationID: organization}
	if err := record(ctx, p.SecondFactors.Store, tx, entry, proved); err != nil || proved.Refused != "" {
		return proved, err
	}
	if proved.Method == Password {
		_, err = tx.Exec(ctx, renewPassword, caller.SessionID)
	} else {
		_, err = tx.Exec(ctx, renewFactor, caller.SessionID, proved.Methods)
	}
	if err != nil {
		return proved, fmt.Errorf("renew proof of session: %w", err)
	}
	return proved, session.ForgetGuess(ctx, tx, session.StepUpGuesses(p.SecondFactors.Store, caller.SessionID))
}

// checkStepUp checks a proof. It accepts a password only from people without a second factor.
func (p Passkeys) checkStepUp(ctx context.Context, tx *outbox.Tx, caller auth.Caller, proof Proof) (ProofResult, error) {
	if proof.Password == "" {
		return p.Prove(ctx, tx, caller.UserID, proof)
	}
	if !proof.passwordIsRight {
		return ProofResult{Method: Password, Refused: "wrong_password"}, nil
	}
	factors, err := FactorsOf(ctx, tx, caller.UserID)
	if err != nil {
		return ProofResult{}, err
	}
	if factors.Any() {
		return ProofResult{Method: Password, Refused: secondFactorNeeded}, nil
	}
	return ProofResult{Method: Password}, nil
}
