package exportdata

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/person"
	"function/functions/users/internal/privacy"
	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/provisioning/scim"
	"function/functions/users/internal/session"
	"function/shared/audit"
	"function/shared/page"
)

// files are the files of the archive. TestEveryTableOfAPersonIsExportedOrSaysWhyNot compares
// them with the tables.
var files = []file{
	{"account.json", "Your account and profile, with everything you added to it.", (*export).account},
	{"organizations.json", "The organizations that you belong to or have asked to join: your role and status, further roles granted to you, your teams.", (*export).organizations},
	{"invitations.json", "Invitations to your address.", (*export).invitations},
	{"provisioned.json", "What the provisioning systems (SCIM) of organizations say about you.", (*export).provisioned},
	{"sessions.json", "Your logins, including ended ones, for as long as they are kept: when, how, from where and with what device.", (*export).sessions},
	{"identities.json", "Logins of other issuers that act as you.", (*export).identities},
	{"second_factors.json", "Authenticator app, passkeys and recovery codes: when they were made and used, never the secrets.", (*export).factors},
	{"api_keys.json", "API keys that act as you, including revoked ones; hint is the end of a secret.", (*export).keys},
	{"consents.json", "Every consent that you gave or withdrew, with its proof.", (*export).consents},
	{"consent_texts.json", "The texts that these were about; text_sha256 names them.", (*export).texts},
	{"activity.json", "What the audit trails say about you: what you did and what was done to you, including by platform admins and by one who acted as you.", (*export).activity},
}

const selectAccount = `
SELECT u.id, u.email, u.first_name, u.last_name, u.created_at, u.email_verified_at, u.suspended_at, u.platform_admin,
       u.must_change_password, u.password_hash IS NOT NULL AS has_password, u.password_changed_at, u.profile_document, d.body,
       coalesce(f.failures, 0) AS failed_logins
FROM users u
LEFT JOIN documents d ON d.collection = 'profiles' AND d.id = u.profile_document
LEFT JOIN LATERAL (SELECT max(failures) AS failures FROM login_failures WHERE account = @account) f ON true
WHERE u.id = @person`

type account struct {
	ID                 uuid.UUID  `json:"id"`
	Email              string     `json:"email"`
	FirstName          string     `json:"first_name"`
	LastName           string     `json:"last_name"`
	CreatedAt          time.Time  `json:"created_at"`
	EmailVerifiedAt    *time.Time `json:"email_verified_at,omitempty"`
	SuspendedAt        *time.Time `json:"suspended_at,omitempty"`
	PlatformAdmin      bool       `json:"platform_admin"`
	MustChangePassword bool       `json:"must_change_password"`
	HasPassword        bool       `json:"has_password"`
	PasswordChangedAt  time.Time  `json:"password_changed_at"`
	FailedLogins       int        `json:"failed_logins"` // consecutive
	person.Extras
}

type accountRow struct {
	account
	person.SealedName
	Body            []byte
	ProfileDocument *uuid.UUID
}

func (x *export) account(ctx context.Context, emit func(any) error) error {
	var row accountRow
	body, err := x.profiles.Body(ctx, func() (body []byte, document *uuid.UUID, err error) {
		rows, _ := x.store.DB.Query(ctx, selectAccount, pgx.NamedArgs{"person": x.person, "account": x.failures})
		row, err = pgx.CollectExactlyOneRow(rows, scanAccount)
		return row.Body, row.ProfileDocument, err
	})
	if err != nil {
		return err
	}
	name, err := row.SealedName.Open(x.key)
	if err != nil {
		return err
	}
	row.account.Email, row.account.FirstName, row.account.LastName = name.Email, name.FirstName, name.LastName
	if row.Extras, err = x.profiles.Open(x.key, body); err != nil {
		return err
	}
	return emit(row.account)
}

func scanAccount(r pgx.CollectableRow) (row accountRow, err error) {
	a := &row.account
	err = r.Scan(&a.ID, &row.SealedName.Email, &row.SealedName.FirstName, &row.SealedName.LastName, &a.CreatedAt, &a.EmailVerifiedAt,
		&a.SuspendedAt, &a.PlatformAdmin, &a.MustChangePassword, &a.HasPassword, &a.PasswordChangedAt, &row.ProfileDocument, &row.Body, &a.FailedLogins)
	return row, err
}

const selectOrganizations = `
SELECT o.id, o.name, m.role, m.status, m.created_at AS since, o.deleted_at,
       coalesce((SELECT jsonb_agg(jsonb_build_object('role', role, 'granted_at', created_at) ORDER BY id) FROM role_grants
                 WHERE user_id = @person AND organization_id = o.id), '[]') AS granted,
       coalesce((SELECT jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'since', tm.created_at) ORDER BY t.id) FROM team_members tm JOIN teams t ON t.id = tm.team_id
                 WHERE tm.user_id = @person AND tm.organization_id = o.id), '[]') AS teams
FROM memberships m JOIN organizations o ON o.id = m.organization_id
WHERE m.user_id = @person AND o.id > @after ORDER BY o.id LIMIT @limit`

type organization struct {
	ID        uuid.UUID       `json:"id"`
	Name      string          `json:"name"`
	Role      string          `json:"role"`
	Status    string          `json:"status"`
	Since     time.Time       `json:"since"`
	DeletedAt *time.Time      `json:"deleted_at,omitempty"`
	Granted   json.RawMessage `json:"granted_roles"`
	Teams     json.RawMessage `json:"teams"`
}

func (x *export) organizations(ctx context.Context, emit func(any) error) error {
	return each(ctx, x, selectOrganizations, nil, func(o organization) uuid.UUID { return o.ID }, func(o organization) error { return emit(o) })
}

const selectInvitations = `
SELECT i.id, i.organization_id, i.role, i.created_at, i.expires_at, i.ended_at, coalesce(i.end_reason, '') AS end_reason
FROM invitations i JOIN users u ON u.email_index = i.email_index
WHERE u.id = @person AND @verified AND i.id > @after ORDER BY i.id LIMIT @limit`

type invitation struct {
	ID             uuid.UUID  `json:"id"`
	OrganizationID uuid.UUID  `json:"organization_id"`
	Role           string     `json:"role"`
	CreatedAt      time.Time  `json:"created_at"`
	ExpiresAt      time.Time  `json:"expires_at"`
	EndedAt        *time.Time `json:"ended_at,omitempty"`
	EndReason      string     `json:"end_reason,omitempty"`
}

func (x *export) invitations(ctx context.Context, emit func(any) error) error {
	return each(ctx, x, selectInvitations, pgx.NamedArgs{"verified": x.verified},
		func(i invitation) uuid.UUID { return i.ID }, func(i invitation) error { return emit(i) })
}

const selectProvisioned = `
SELECT p.id, p.organization_id, p.created_at, p.changed_at, p.wrapped_key, p.attributes AS sealed
FROM provisioned_people p
WHERE (p.user_id = @person OR @verified AND p.user_id IS NULL AND p.email_index = (SELECT email_index FROM users WHERE id = @person))
  AND p.id > @after ORDER BY p.id LIMIT @limit`

type provisioned struct {
	ID                 uuid.UUID     `json:"id"`
	OrganizationID     uuid.UUID     `json:"organization_id"`
	CreatedAt          time.Time     `json:"created_at"`
	ChangedAt          time.Time     `json:"changed_at"`
	Attributes         scim.Resource `json:"attributes" db:"-"`
	WrappedKey, Sealed []byte        `json:"-"`
}

func (x *export) provisioned(ctx context.Context, emit func(any) error) error {
	return each(ctx, x, selectProvisioned, pgx.NamedArgs{"verified": x.verified}, func(p provisioned) uuid.UUID { return p.ID }, func(p provisioned) (err error) {
		key := x.key
		if p.WrappedKey != nil { // of a person who has not accepted the organization's invitation
			if key, err = x.store.Keeper.Unwrap(ctx, p.WrappedKey); err != nil {
				return err
			}
		}
		if p.Attributes, err = provisioning.OpenAttributes(key, p.Sealed); err != nil {
			return err
		}
		return emit(p)
	})
}

const selectSessions = `
SELECT id, organization_id, methods, authenticated_at, second_factor_at, created_at, refreshed_at, expires_at, ended_at, coalesce(end_reason, '') AS end_reason,
       impersonator_id IS NOT NULL AS impersonated, coalesce(country, '') AS country, device AS sealed_device, address AS sealed_address
FROM sessions WHERE user_id = @person AND id > @after ORDER BY id LIMIT @limit`

type sessionRecord struct {
	ID                          uuid.UUID  `json:"id"`
	OrganizationID              uuid.UUID  `json:"organization_id"`
	Methods                     []string   `json:"methods"`
	AuthenticatedAt             time.Time  `json:"authenticated_at"`
	SecondFactorAt              *time.Time `json:"second_factor_at,omitempty"`
	CreatedAt                   time.Time  `json:"created_at"`
	RefreshedAt                 time.Time  `json:"refreshed_at"`
	ExpiresAt                   time.Time  `json:"expires_at"`
	EndedAt                     *time.Time `json:"ended_at,omitempty"`
	EndReason                   string     `json:"end_reason,omitempty"`
	Impersonated                bool       `json:"impersonated"`
	Device                      string     `json:"device,omitempty" db:"-"`
	Address                     string     `json:"address,omitempty" db:"-"`
	Country                     string     `json:"country,omitempty"`
	SealedDevice, SealedAddress []byte     `json:"-"`
}

func (x *export) sessions(ctx context.Context, emit func(any) error) error {
	return each(ctx, x, selectSessions, nil, func(s sessionRecord) uuid.UUID { return s.ID }, func(s sessionRecord) (err error) {
		if s.Device, err = person.Unseal(x.key, session.DeviceField, s.SealedDevice); err != nil {
			return err
		}
		if s.Address, err = person.Unseal(x.key, session.AddressField, s.SealedAddress); err != nil {
			return err
		}
		return emit(s)
	})
}

const selectIdentities = `SELECT id, issuer, created_at FROM external_identities WHERE user_id = @person AND id > @after ORDER BY id LIMIT @limit`

type identity struct {
	ID        uuid.UUID `json:"id"`
	Issuer    string    `json:"issuer"`
	CreatedAt time.Time `json:"created_at"`
}

func (x *export) identities(ctx context.Context, emit func(any) error) error {
	return each(ctx, x, selectIdentities, nil, func(i identity) uuid.UUID { return i.ID }, func(i identity) error { return emit(i) })
}

const (
	selectCodes = `
SELECT (SELECT created_at FROM totp_secrets WHERE user_id = $1) AS asked, (SELECT confirmed_at FROM totp_secrets WHERE user_id = $1) AS confirmed,
       count(*) FILTER (WHERE used_at IS NULL) AS unused, count(used_at) AS used FROM recovery_codes WHERE user_id = $1`
	selectPasskeys = `SELECT id, created_at, last_used_at, name AS sealed_name FROM passkeys WHERE user_id = @person AND id > @after ORDER BY id LIMIT @limit`
)

type factor struct {
	Kind       string     `json:"kind"`
	CreatedAt  *time.Time `json:"created_at,omitempty"`
	InUse      *time.Time `json:"in_use_since,omitempty"`
	ID         *uuid.UUID `json:"id,omitempty"`
	Name       string     `json:"name,omitempty"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	Unused     int        `json:"unused,omitempty"`
	Used       int        `json:"used,omitempty"`
}

type passkey struct {
	ID         uuid.UUID
	CreatedAt  time.Time
	LastUsedAt *time.Time
	SealedName []byte
}

func (x *export) factors(ctx context.Context, emit func(any) error) error {
	totp, codes := factor{Kind: credential.TOTP}, factor{Kind: "recovery_codes"}
	if err := x.store.DB.QueryRow(ctx, selectCodes, x.person).Scan(&totp.CreatedAt, &totp.InUse, &codes.Unused, &codes.Used); err != nil {
		return err
	}
	if totp.CreatedAt != nil {
		if err := emit(totp); err != nil {
			return err
		}
	}
	if codes.Unused+codes.Used > 0 {
		if err := emit(codes); err != nil {
			return err
		}
	}
	return each(ctx, x, selectPasskeys, nil, func(p passkey) uuid.UUID { return p.ID }, func(p passkey) error {
		name, err := person.Unseal(x.key, credential.PasskeyNameField, p.SealedName)
		if err != nil {
			return err
		}
		return emit(factor{Kind: credential.Passkey, CreatedAt: &p.CreatedAt, ID: &p.ID, Name: name, LastUsedAt: p.LastUsedAt})
	})
}

const selectKeys = `
SELECT k.id, k.organization_id, k.name, k.scopes, k.created_at, k.revoked_at, k.last_used_at,
       coalesce((SELECT jsonb_agg(jsonb_build_object('hint', hint, 'created_at', created_at, 'expires_at', expires_at) ORDER BY created_at)
                 FROM api_key_secrets WHERE key_id = k.id), '[]') AS secrets
FROM api_keys k WHERE k.user_id = @person AND k.id > @after ORDER BY k.id LIMIT @limit`

type key struct {
	ID             uuid.UUID       `json:"id"`
	OrganizationID uuid.UUID       `json:"organization_id"`
	Name           string          `json:"name"`
	Scopes         []string        `json:"scopes"`
	CreatedAt      time.Time       `json:"created_at"`
	RevokedAt      *time.Time      `json:"revoked_at,omitempty"`
	LastUsedAt     *time.Time      `json:"last_used_at,omitempty"`
	Secrets        json.RawMessage `json:"secrets"`
}

func (x *export) keys(ctx context.Context, emit func(any) error) error {
	return each(ctx, x, selectKeys, nil, func(k key) uuid.UUID { return k.ID }, func(k key) error { return emit(k) })
}

func (x *export) consents(ctx context.Context, emit func(any) error) error {
	return pages(func(q page.Query) (page.Page[privacy.ConsentDecision], error) {
		return privacy.Decisions(ctx, x.store, x.person, uuid.Nil, x.key, q)
	}, func(d privacy.ConsentDecision) error { return emit(d) })
}

// Each purpose is read with all its texts: at most 100 of 20,000 characters each.
const (
	selectPurposes = `
SELECT DISTINCT purpose_id AS id FROM consent_decisions WHERE user_id = @person AND purpose_id > @after ORDER BY purpose_id LIMIT @limit`
	selectTexts = `
SELECT p.organization_id, p.name AS purpose, t.version, t.published_at, encode(t.text_sha256, 'hex') AS text_sha256, t.text
FROM purposes p JOIN purpose_texts t ON t.purpose_id = p.id
WHERE p.id = $2 AND EXISTS (SELECT FROM consent_decisions WHERE user_id = $1 AND purpose_id = p.id AND version = t.version) ORDER BY t.version`
)

type purpose struct{ ID uuid.UUID }

type text struct {
	OrganizationID uuid.UUID `json:"organization_id"`
	Purpose        string    `json:"purpose"`
	Version        int       `json:"version"`
	PublishedAt    time.Time `json:"published_at"`
	TextSHA256     string    `json:"text_sha256"`
	Text           string    `json:"text"`
}

func (x *export) texts(ctx context.Context, emit func(any) error) error {
	return each(ctx, x, selectPurposes, nil, func(p purpose) uuid.UUID { return p.ID }, func(p purpose) error {
		rows, _ := x.store.DB.Query(ctx, selectTexts, x.person, p.ID)
		texts, err := pgx.CollectRows(rows, pgx.RowToStructByName[text])
		if err != nil {
			return err
		}
		for _, t := range texts {
			if err := emit(t); err != nil {
				return err
			}
		}
		return nil
	})
}

type activity struct {
	Trail audit.Trail `json:"trail"`
	privacy.Activity
}

func (x *export) activity(ctx context.Context, emit func(any) error) error {
	for _, trail := range audit.Trails {
		db, err := x.trails.Open(ctx, trail)
		if err != nil {
			return err
		}
		err = pages(func(q page.Query) (page.Page[privacy.Activity], error) {
			return privacy.ActivityOf(ctx, db, trail, x.person, x.key, q)
		}, func(a privacy.Activity) error { return emit(activity{trail, a}) })
		if err != nil {
			return fmt.Errorf("trail %s: %w", trail, err)
		}
	}
	return nil
}
