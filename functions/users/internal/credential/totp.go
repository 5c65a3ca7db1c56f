package credential

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"image/png"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/secret"
)

// Authenticator apps support these parameters of TOTP (RFC 6238); few support others.
const (
	totpPeriod = 30 // seconds
	totpSkew   = 1  // steps of tolerated clock skew
	totpSecret = 20 // bytes, as RFC 4226 §4 recommends
	totpField  = "totp_secrets.secret"

	// TOTPConfirmation is how long a new secret waits for its first code.
	TOTPConfirmation = 15 * time.Minute
)

// ServiceName is the name of the platform in authenticator apps and passkey dialogs.
const ServiceName = "002AIC"

// TOTPEnrolment contains the secret for an authenticator app. It is shown only once.
type TOTPEnrolment struct {
	Secret string `json:"secret" doc:"For typing in, base32"`
	URI    string `json:"otpauth_uri" doc:"otpauth://totp/…, for an app on the same device"`
	QR     string `json:"qr" doc:"The URI as a QR code: a data URL of a PNG, 256 pixels wide"`
}

const insertTOTP = `
INSERT INTO totp_secrets (user_id, secret) VALUES ($1, $2)
ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = now() WHERE totp_secrets.confirmed_at IS NULL`

// EnrolTOTP stores a new secret for a person. It is not active until [ConfirmTOTP].
func EnrolTOTP(ctx context.Context, s store.Store, tx pgx.Tx, user uuid.UUID) (TOTPEnrolment, error) {
	name, err := person.NameOf(ctx, s, tx, user)
	if err != nil {
		return TOTPEnrolment{}, err
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: ServiceName, AccountName: name.Email, SecretSize: totpSecret})
	if err != nil {
		return TOTPEnrolment{}, fmt.Errorf("make TOTP secret: %w", err)
	}
	seal, err := person.KeyOf(ctx, s, tx, user)
	if err != nil {
		return TOTPEnrolment{}, err
	}
	sealed, err := secret.Seal(seal, totpField, key.Secret())
	if err != nil {
		return TOTPEnrolment{}, err
	}
	stored, err := tx.Exec(ctx, insertTOTP, user, sealed)
	if err != nil {
		return TOTPEnrolment{}, fmt.Errorf("insert TOTP secret: %w", err)
	}
	if stored.RowsAffected() == 0 {
		return TOTPEnrolment{}, fault.New(fault.Conflict, "An authenticator app is already enrolled: remove it first")
	}
	qr, err := qrCode(key)
	return TOTPEnrolment{Secret: key.Secret(), URI: key.URL(), QR: qr}, err
}

func qrCode(key *otp.Key) (string, error) {
	image, err := key.Image(256, 256)
	if err != nil {
		return "", fmt.Errorf("draw QR code: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, image); err != nil {
		return "", fmt.Errorf("encode QR code: %w", err)
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

const (
	selectNewTOTP = `SELECT secret FROM totp_secrets WHERE user_id = $1 AND confirmed_at IS NULL AND created_at > now() - $2::interval FOR UPDATE`
	confirmTOTP   = `UPDATE totp_secrets SET confirmed_at = now(), last_step = $2 WHERE user_id = $1`
	selectTOTP    = `SELECT secret FROM totp_secrets WHERE user_id = $1 AND confirmed_at IS NOT NULL`
	useTOTP       = `UPDATE totp_secrets SET last_step = $2 WHERE user_id = $1 AND confirmed_at IS NOT NULL AND last_step < $2`
	deleteTOTP    = `DELETE FROM totp_secrets WHERE user_id = $1`
)

// ConfirmTOTP activates a new secret if code is a current code for it. It returns false if the
// code is wrong.
func ConfirmTOTP(ctx context.Context, s store.Store, tx pgx.Tx, user uuid.UUID, code string) (bool, error) {
	step, err := totpStep(ctx, s, tx, user, code, selectNewTOTP, user, TOTPConfirmation)
	if database.IsNoRows(err) {
		return false, fault.New(fault.Conflict, "No authenticator app is waiting for confirmation: begin with POST /v1/users/mfa/totp")
	}
	if err != nil || step == 0 {
		return false, err
	}
	if _, err := tx.Exec(ctx, confirmTOTP, user, step); err != nil {
		return false, fmt.Errorf("confirm TOTP secret: %w", err)
	}
	return true, nil
}

// useTOTPCode consumes a code of the person's app, or returns why it is refused. Each time step
// is accepted only once.
func useTOTPCode(ctx context.Context, s store.Store, tx pgx.Tx, user uuid.UUID, code string) (refused string, err error) {
	step, err := totpStep(ctx, s, tx, user, code, selectTOTP, user)
	if database.IsNoRows(err) {
		return "not_enrolled", nil
	}
	if err != nil {
		return "", err
	}
	if step == 0 {
		return "wrong_code", nil
	}
	used, err := tx.Exec(ctx, useTOTP, user, step)
	if err != nil {
		return "", fmt.Errorf("use TOTP code: %w", err)
	}
	if used.RowsAffected() == 0 {
		return "code_used", nil
	}
	return "", nil
}

// totpStep returns the time step that the code belongs to, or 0 if it is not a current code.
func totpStep(ctx context.Context, s store.Store, tx pgx.Tx, user uuid.UUID, code, selectSecret string, args ...any) (int64, error) {
	var sealed []byte
	if err := tx.QueryRow(ctx, selectSecret, args...).Scan(&sealed); err != nil {
		return 0, fmt.Errorf("read TOTP secret: %w", err)
	}
	key, err := person.KeyOf(ctx, s, tx, user)
	if err != nil {
		return 0, err
	}
	plain, err := secret.Unseal(key, totpField, sealed)
	if err != nil {
		return 0, err
	}
	return matchTOTP(plain, code, time.Now())
}

func matchTOTP(secret, code string, now time.Time) (int64, error) {
	current := now.Unix() / totpPeriod
	var match int64
	for step := current - totpSkew; step <= current+totpSkew; step++ {
		want, err := totp.GenerateCodeCustom(secret, time.Unix(step*totpPeriod, 0), totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, fmt.Errorf("compute TOTP code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			match = step
		}
	}
	return match, nil
}

// RemoveTOTP removes a person's authenticator app. It returns false if
// the person has no app.
func RemoveTOTP(ctx context.Context, tx pgx.Tx, user uuid.UUID) (bool, error) {
	removed, err := tx.Exec(ctx, deleteTOTP, user)
	if err != nil {
		return false, fmt.Errorf("delete TOTP secret: %w", err)
	}
	return removed.RowsAffected() == 1, nil
}
