package membership

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/net/publicsuffix"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// Domain is a domain that an organization has claimed or verified. Accounts that provisioning
// creates for addresses in a verified domain belong to the organization. Subdomains are not
// included.
type Domain struct {
	Name       string     `json:"domain" doc:"In ASCII (RFC 5890)"`
	Record     Record     `json:"record" doc:"TXT record to publish in the domain's zone and leave there"`
	CreatedAt  time.Time  `json:"created_at"`
	VerifiedAt *time.Time `json:"verified_at,omitempty" doc:"When the organization verified the domain; absent: it is only claimed"`
}

// Record is the TXT record by which an organization proves that it controls a domain.
type Record struct {
	Type  string `json:"type" enum:"TXT"`
	Name  string `json:"name" doc:"Name of the TXT record, with an underscored label (RFC 8552)"`
	Value string `json:"value"`
}

const (
	recordLabel  = "_aic-data."
	recordPrefix = "aic-data-domain-verification="
)

// DomainColumns are the columns that [CollectDomain] reads.
const DomainColumns = `name, token, created_at, verified_at`

// CollectDomain scans a row into a Domain.
func CollectDomain(row pgx.CollectableRow) (d Domain, err error) {
	var token string
	err = row.Scan(&d.Name, &token, &d.CreatedAt, &d.VerifiedAt)
	d.Record = Record{Type: "TXT", Name: recordLabel + d.Name, Value: recordPrefix + token}
	return d, err
}

// DomainName returns the ASCII form of a domain as typed. It refuses addresses, top-level
// domains, and public suffixes under which anybody can register (publicsuffix.org).
func DomainName(typed string) (string, error) {
	name, err := person.Domains.ToASCII(strings.TrimSuffix(typed, "."))
	if err != nil || !person.IsHost(name) || len(name) > 253-len(recordLabel) {
		return "", fault.At("body.domain", "this is not a domain such as example.com")
	}
	if suffix, _ := publicsuffix.PublicSuffix(name); suffix == name {
		return "", fault.At("body.domain", "this is a public suffix, under which anybody can register domains: claim a domain under it")
	}
	return name, nil
}

// maxDomains limits the domains of one organization.
const maxDomains = 100

const (
	countDomains = `SELECT count(*) FROM organization_domains WHERE organization_id = $1`
	insertDomain = `
INSERT INTO organization_domains (id, organization_id, name, token) VALUES ($1, $2, $3, $4) RETURNING ` + DomainColumns
)

// ClaimDomain claims a domain for an organization and creates the token to publish.
func ClaimDomain(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, name string) (Domain, error) {
	if err := store.LockOrganization(ctx, tx, organization); err != nil {
		return Domain{}, err
	}
	var domains int
	if err := tx.QueryRow(ctx, countDomains, organization).Scan(&domains); err != nil {
		return Domain{}, fmt.Errorf("count domains: %w", err)
	}
	if domains >= maxDomains {
		return Domain{}, fault.New(fault.Conflict, "An organization can have at most %d domains: remove one first", maxDomains)
	}
	rows, _ := tx.Query(ctx, insertDomain, uuid7.New(), organization, name, rand.Text())
	d, err := pgx.CollectExactlyOneRow(rows, CollectDomain)
	if err != nil {
		return d, fmt.Errorf("insert domain: %w", err)
	}
	return d, nil
}

const (
	deleteLostDomains = `
DELETE FROM organization_domains WHERE name = $1 AND organization_id <> $2 AND verified_at IS NOT NULL AND token <> ALL ($3)
RETURNING organization_id`
	verifyDomain = `
UPDATE organization_domains SET verified_at = coalesce(verified_at, now()) WHERE organization_id = $1 AND name = $2 AND token = ANY ($3)
RETURNING ` + DomainColumns
)

// VerifyDomain verifies an organization's domain with the values that are published in its zone.
// Another organization that had verified the domain loses it, unless its own value is still
// published; then the constraint organization_domains_verified refuses the change. VerifyDomain
// returns pgx.ErrNoRows if the organization's value is not published.
func VerifyDomain(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, name string, published []string) (Domain, error) {
	if err := store.LockOrganization(ctx, tx, organization); err != nil {
		return Domain{}, err
	}
	tokens := []string{}
	for _, value := range published {
		if token, ok := strings.CutPrefix(value, recordPrefix); ok {
			tokens = append(tokens, token)
		}
	}
	rows, _ := tx.Query(ctx, deleteLostDomains, name, organization, tokens)
	losers, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return Domain{}, fmt.Errorf("take domain: %w", err)
	}
	rows, _ = tx.Query(ctx, verifyDomain, organization, name, tokens)
	d, err := pgx.CollectExactlyOneRow(rows, CollectDomain)
	if err != nil {
		return d, fmt.Errorf("verify domain: %w", err)
	}
	for _, loser := range losers {
		if err := audit.Record(ctx, tx, audit.Entry{Action: "domains:lose", ResourceID: name, OrganizationID: loser}); err != nil {
			return d, err
		}
	}
	return d, nil
}

// TrustDomain verifies a domain without a DNS lookup. It is for platforms on a laptop, where the
// operator is the only user.
func TrustDomain(ctx context.Context, s store.Store, organization uuid.UUID, typed string) error {
	name, err := DomainName(typed)
	if err != nil {
		return err
	}
	return s.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if _, err := tx.Exec(ctx, removeDomain, organization, name); err != nil {
			return fmt.Errorf("remove domain: %w", err)
		}
		d, err := ClaimDomain(ctx, tx, organization, name)
		if err != nil {
			return err
		}
		if _, err := VerifyDomain(ctx, tx, organization, name, []string{d.Record.Value}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "domains:trust", ResourceID: name, OrganizationID: organization})
	})
}

const removeDomain = `DELETE FROM organization_domains WHERE organization_id = $1 AND name = $2`

// RemoveDomain removes a claimed or verified domain. Accounts that were created because of the
// domain no longer belong to the organization.
func RemoveDomain(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, name string) error {
	if err := store.LockOrganization(ctx, tx, organization); err != nil {
		return err
	}
	removed, err := tx.Exec(ctx, removeDomain, organization, name)
	if err != nil {
		return fmt.Errorf("remove domain: %w", err)
	}
	if removed.RowsAffected() == 0 {
		return ErrNoDomain
	}
	return nil
}

// ErrNoDomain is returned for a domain that the organization has not claimed.
var ErrNoDomain = fault.New(fault.NotFound, "Your organization has not claimed this domain: POST /v1/organizations/{id}/domains")

const selectVerified = `
SELECT id FROM organization_domains WHERE organization_id = $1 AND name = $2 AND verified_at IS NOT NULL FOR KEY SHARE`

// VerifiedDomain returns the identifier of the organization's verified domain that contains an
// address, as normalized by [ParseEmail], or nil if there is none. The domain stays verified
// until the transaction ends.
func VerifiedDomain(ctx context.Context, tx pgx.Tx, organization uuid.UUID, address string) (*uuid.UUID, error) {
	var id uuid.UUID
	name := address[strings.LastIndexByte(address, '@')+1:]
	err := tx.QueryRow(ctx, selectVerified, organization, name).Scan(&id)
	if database.IsNoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for verified domain: %w", err)
	}
	return &id, nil
}

// VerificationValues returns those values of a TXT lookup that are verification values of this
// platform, and the number of the others.
func VerificationValues(values []string) (ours []string, others int) {
	ours = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return !strings.HasPrefix(v, recordPrefix) })
	return ours, len(values) - len(ours)
}
