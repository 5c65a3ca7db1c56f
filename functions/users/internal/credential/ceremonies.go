package credential

import (
	"context"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/secret"
	"function/shared/uuid7"
)

// Ceremony contains the options that a browser needs for a WebAuthn ceremony, and the token to
// send back with its response.
type Ceremony struct {
	ChallengeToken string `json:"challenge_token" doc:"Valid once, for five minutes"`
	Options        any    `json:"options" doc:"For PublicKeyCredential.parseCreationOptionsFromJSON() or parseRequestOptionsFromJSON() (WebAuthn level 3)"`
}

var (
	errNotParsed      = fault.At("body.credential", "is not a PublicKeyCredential as its toJSON() writes it")
	errProofNotParsed = fault.At("body.passkey.credential", "is not a PublicKeyCredential as its toJSON() writes it")
)

// BeginRegistration begins to register a passkey. The passkey is stored as a discoverable
// credential, for login without an address, if the device supports that. Otherwise it still
// works as a second factor.
func (p Passkeys) BeginRegistration(ctx context.Context, tx *outbox.Tx, user uuid.UUID) (Ceremony, error) {
	who, err := p.ownerOf(ctx, tx, user)
	if err != nil {
		return Ceremony{}, err
	}
	if who.name, err = person.NameOf(ctx, p.SecondFactors.Store, tx, user); err != nil {
		return Ceremony{}, err
	}
	selection := protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationPreferred}
	options, session, err := p.rp.BeginRegistration(who, webauthn.WithAuthenticatorSelection(selection),
		webauthn.WithExclusions(webauthn.Credentials(who.credentials).CredentialDescriptors()))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin registration of a passkey: %w", err)
	}
	token, err := newChallenge(ctx, tx, forPasskeyRegistration, user, session)
	return Ceremony{ChallengeToken: token, Options: options.Response}, err
}

// Register stores a passkey that a browser has created. It returns the passkey's authentication
// methods for the token (RFC 8176).
func (p Passkeys) Register(ctx context.Context, tx *outbox.Tx, user uuid.UUID, name string, a Assertion) (info PasskeyInfo, methods []string, err error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(a.Credential)
	if err != nil {
		return info, nil, errNotParsed
	}
	var session webauthn.SessionData
	if ok, err := useChallenge(ctx, tx, forPasskeyRegistration, user, a.ChallengeToken, &session); err != nil {
		return info, nil, err
	} else if !ok {
		return info, nil, fault.At("body.challenge_token", "has expired or was already used: begin again")
	}
	who, err := p.ownerOf(ctx, tx, user)
	if err != nil {
		return info, nil, err
	}
	if len(who.credentials) >= MaxPasskeys {
		return info, nil, fault.New(fault.Conflict, "You already have %d passkeys: delete one first", MaxPasskeys)
	}
	credential, err := p.rp.CreateCredential(who, session, parsed)
	if err != nil {
		return info, nil, fault.At("body.credential", "does not match the challenge, or comes from another site: begin again")
	}
	info = PasskeyInfo{ID: uuid7.New(), Name: name}
	sealed, err := who.seal(credential)
	if err != nil {
		return info, nil, err
	}
	sealedName, err := secret.Seal(who.key, PasskeyNameField, name)
	if err != nil {
		return info, nil, err
	}
	err = tx.QueryRow(ctx, insertPasskey, info.ID, user, credential.ID, sealedName, sealed).Scan(&info.CreatedAt)
	if database.Violates(err, "passkeys_credential") {
		return info, nil, fault.New(fault.Conflict, "This passkey is already registered")
	}
	if err != nil {
		return info, nil, fmt.Errorf("insert passkey: %w", err)
	}
	return info, methodsOf(credential), nil
}

// methodsOf returns a passkey's authentication methods (RFC 8176 §2): a hardware-secured key if
// it cannot leave its device, a software-secured key if it can be synchronized.
func methodsOf(c *webauthn.Credential) []string {
	if c.Flags.BackupEligible {
		return []string{"swk", "mfa"}
	}
	return []string{"hwk", "mfa"}
}

// BeginProof requests a proof by one of a person's passkeys. The person has already proved their
// password, so user verification on the device is only preferred.
func (p Passkeys) BeginProof(ctx context.Context, tx *outbox.Tx, user uuid.UUID) (Ceremony, error) {
	who, err := p.ownerOf(ctx, tx, user)
	if err != nil {
		return Ceremony{}, err
	}
	if len(who.credentials) == 0 {
		return Ceremony{}, fault.New(fault.Conflict, "You have no passkey: use another proof")
	}
	options, session, err := p.rp.BeginLogin(who, webauthn.WithUserVerification(protocol.VerificationPreferred))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin proof by passkey: %w", err)
	}
	token, err := newChallenge(ctx, tx, forPasskeyProof, user, session)
	return Ceremony{ChallengeToken: token, Options: options.Response}, err
}

// BeginLogin requests a passkey of a person who is not known yet. The device must verify its
// user, so the passkey counts as two factors.
func (p Passkeys) BeginLogin(ctx context.Context, tx *outbox.Tx) (Ceremony, error) {
	options, session, err := p.rp.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin login by passkey: %w", err)
	}
	token, err := newChallenge(ctx, tx, forPasskeyLogin, uuid.Nil, session)
	return Ceremony{ChallengeToken: token, Options: options.Response}, err
}

const selectOwner = `SELECT p.user_id, m.organization_id FROM passkeys p JOIN users u ON u.id = p.user_id` + session.LoginMembership + `
WHERE p.credential_id = $1 AND u.suspended_at IS NULL`

// Identify finds the owner of the passkey in an assertion and checks the assertion. An unknown
// passkey, or one whose owner cannot log in, is refused in the same way as a wrong one.
func (p Passkeys) Identify(ctx context.Context, tx *outbox.Tx, a Assertion) (session.Login, ProofResult, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(a.Credential)
	if err != nil {
		return session.Login{}, ProofResult{}, errNotParsed
	}
	l := session.Login{SecondFactor: true}
	err = tx.QueryRow(ctx, selectOwner, parsed.RawID).Scan(&l.UserID, &l.OrganizationID)
	if err != nil && !database.IsNoRows(err) {
		return session.Login{}, ProofResult{}, fmt.Errorf("find owner of passkey: %w", err)
	}
	proved, err := p.check(ctx, tx, forPasskeyLogin, uuid.Nil, l.UserID, a.ChallengeToken, parsed)
	l.Methods = proved.Methods
	return l, proved, err
}

// assert checks an assertion for a challenge that was issued to this person.
func (p Passkeys) assert(ctx context.Context, tx *outbox.Tx, user uuid.UUID, a Assertion) (ProofResult, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(a.Credential)
	if err != nil {
		return ProofResult{}, errProofNotParsed
	}
	return p.check(ctx, tx, forPasskeyProof, user, user, a.ChallengeToken, parsed)
}

// check consumes the challenge before it checks the assertion.
func (p Passkeys) check(ctx context.Context, tx *outbox.Tx, want challengePurpose, challenged, owner uuid.UUID, token string, parsed *protocol.ParsedCredentialAssertionData) (ProofResult, error) {
	refused := func(why string) (ProofResult, error) { return ProofResult{Method: Passkey, Refused: why}, nil }
	var session webauthn.SessionData
	if ok, err := useChallenge(ctx, tx, want, challenged, token, &session); err != nil {
		return ProofResult{}, err
	} else if !ok {
		return refused("challenge_used")
	}
	if owner == uuid.Nil {
		return refused("unknown_passkey")
	}
	who, err := p.ownerOf(ctx, tx, owner)
	if err != nil {
		return ProofResult{}, err
	}
	credential, err := p.validate(who, challenged, session, parsed)
	if err != nil {
		return refused("assertion_refused")
	}
	if credential.Authenticator.CloneWarning && !synchronized(credential) {
		if may, err := notify.MayWarn(ctx, p.SecondFactors.Store, tx, owner); err != nil {
			return ProofResult{}, err
		} else if may {
			if err := p.mailer.Notify(ctx, tx, owner, p.mailer.PasskeyCopied); err != nil {
				return ProofResult{}, err
			}
		}
		return refused("sign_count_regressed")
	}
	return ProofResult{Method: Passkey, Methods: methodsOf(credential)}, p.store(ctx, tx, who, credential)
}

// synchronized reports whether a passkey exists on several devices, whose signature counters are
// independent (WebAuthn level 3 §6.1.1). The flags are those of the registration or of the
// current assertion.
func synchronized(c *webauthn.Credential) bool { return c.Flags.BackupEligible && c.Flags.BackupState }

func (p Passkeys) validate(who passkeyOwner, challenged uuid.UUID, session webauthn.SessionData, parsed *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
	if challenged != uuid.Nil {
		return p.rp.ValidateLogin(who, session, parsed)
	}
	return p.rp.ValidateDiscoverableLogin(func(_, _ []byte) (webauthn.User, error) { return who, nil }, session, parsed)
}

func (p Passkeys) store(ctx context.Context, tx pgx.Tx, who passkeyOwner, credential *webauthn.Credential) error {
	sealed, err := who.seal(credential)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, updatePasskey, credential.ID, sealed); err != nil {
		return fmt.Errorf("update passkey: %w", err)
	}
	return nil
}
