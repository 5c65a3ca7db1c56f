package privacy

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/fault"
	"function/shared/page"
)

// ConsentPurpose is a purpose that an organization asks its members to consent to, with the
// newest version of its text.
type ConsentPurpose struct {
	Name        string     `json:"name"`
	Version     int        `json:"version" doc:"Version of the newest text, starting at 1"`
	Text        string     `json:"text"`
	TextSHA256  string     `json:"text_sha256" doc:"Hexadecimal"`
	PublishedAt time.Time  `json:"published_at" doc:"When the newest text was published"`
	CreatedAt   time.Time  `json:"created_at"`
	RetiredAt   *time.Time `json:"retired_at,omitempty" doc:"When the purpose was retired"`
}

// ConsentState is a person's latest decision on a purpose.
type ConsentState struct {
	OrganizationID uuid.UUID  `json:"organization_id" format:"uuid" doc:"Organization whose purpose it is"`
	Purpose        string     `json:"purpose"`
	Given          bool       `json:"given"`
	Version        int        `json:"version,omitempty" doc:"Version of the text that the person decided on; absent: no decision yet"`
	NewestVersion  int        `json:"newest_version" doc:"Version of the newest text. Consent to an older one may have to be requested again"`
	DecidedAt      *time.Time `json:"decided_at,omitempty"`
	RetiredAt      *time.Time `json:"retired_at,omitempty" doc:"The purpose no longer accepts consents"`
}

// ConsentDecision is a consent or its withdrawal, with its proof.
type ConsentDecision struct {
	ID             uuid.UUID  `json:"id" format:"uuid"`
	OrganizationID uuid.UUID  `json:"organization_id" format:"uuid"`
	Purpose        string     `json:"purpose"`
	Version        int        `json:"version"`
	TextSHA256     string     `json:"text_sha256"`
	Given          bool       `json:"given" doc:"false: withdrawn"`
	DecidedAt      time.Time  `json:"decided_at"`
	SessionID      *uuid.UUID `json:"session_id,omitempty" format:"uuid" doc:"Absent if the token came from another issuer"`
	Address        string     `json:"address,omitempty" db:"-" doc:"Network address of the request"`
	Device         string     `json:"device,omitempty" db:"-" doc:"User-Agent"`
}

// Encryption contexts of a decision's sealed fields.
const (
	ConsentDeviceField  = "consent_decisions.device"
	ConsentAddressField = "consent_decisions.address"
)

const selectDecisions = `
SELECT d.id, d.organization_id, p.name AS purpose, d.version, encode(t.text_sha256, 'hex') AS text_sha256, d.given, d.decided_at, d.session_id,
       d.address AS sealed_address, d.device AS sealed_device
FROM consent_decisions d JOIN purposes p ON p.id = d.purpose_id
JOIN purpose_texts t ON t.purpose_id = d.purpose_id AND t.version = d.version
WHERE d.user_id = @user AND (@organization = '00000000-0000-0000-0000-000000000000'::uuid OR d.organization_id = @organization) AND d.id < @before
ORDER BY d.id DESC LIMIT @limit`

type decisionRow struct {
	ConsentDecision
	SealedAddress, SealedDevice []byte
}

// Decisions lists a person's decisions in one organization or (uuid.Nil) in all. Without the
// person's key the client's address and device stay sealed.
func Decisions(ctx context.Context, s store.Store, person, organization uuid.UUID, key []byte, q page.Query) (page.Page[ConsentDecision], error) {
	args := pgx.NamedArgs{"user": person, "organization": organization}
	rows, err := page.List(ctx, s.DB, q, func(r decisionRow) uuid.UUID { return r.ID }, selectDecisions, args)
	if err != nil {
		return page.Page[ConsentDecision]{}, err
	}
	return page.Map(rows, func(r decisionRow) (ConsentDecision, error) {
		if key == nil {
			return r.ConsentDecision, nil
		}
		return r.open(key)
	})
}

func (r decisionRow) open(key []byte) (d ConsentDecision, err error) {
	d = r.ConsentDecision
	if d.Device, err = person.Unseal(key, ConsentDeviceField, r.SealedDevice); err != nil {
		return d, err
	}
	d.Address, err = person.Unseal(key, ConsentAddressField, r.SealedAddress)
	return d, err
}

// ErrNoPurpose is returned for a purpose that the organization does not have.
var ErrNoPurpose = fault.New(fault.NotFound, "The organization has no purpose with this name")
