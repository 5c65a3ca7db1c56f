package domains

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"function/functions/users/internal/membership"

	"github.com/jackc/pgx/v5"

	"function/shared/act"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

const selectDomain = `SELECT ` + membership.DomainColumns + ` FROM organization_domains WHERE organization_id = $1 AND name = $2`

// Verify looks the record up, outside of any transaction, and makes the domain the
// organization's.
func (f *Function) Verify(ctx context.Context, in *Request) (*Response, error) {
	entry := audit.Entry{Action: "domains:verify", ResourceID: in.Domain}
	rows, _ := f.DB.Query(ctx, selectDomain, in.ID, in.Domain)
	claimed, err := pgx.CollectExactlyOneRow(rows, membership.CollectDomain)
	if database.IsNoRows(err) {
		return nil, act.Refused(ctx, f.DB, entry, membership.ErrNoDomain)
	}
	if err != nil {
		return nil, fmt.Errorf("read domain: %w", err)
	}
	published, err := f.resolver.texts(ctx, claimed.Record)
	if err != nil {
		return nil, act.Refused(ctx, f.DB, entry, err)
	}
	var out Response
	return &out, act.Do(ctx, f.DB, entry, func(tx *outbox.Tx, _ *audit.Entry) (err error) {
		out.Body, err = membership.VerifyDomain(ctx, tx, in.ID, in.Domain, published)
		if database.IsNoRows(err) {
			return instead(claimed.Record, published)
		}
		return err
	})
}

// lookupTime is how long a zone has to answer.
const lookupTime = 5 * time.Second

// resolver asks the domain name system.
type resolver struct{ *net.Resolver }

// newResolver asks a server, host:port, or those of the system.
func newResolver(server string) resolver {
	if server == "" {
		return resolver{net.DefaultResolver}
	}
	return resolver{&net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server)
	}}}
}

// texts are the values of a TXT record: one message at the most, of 64 KiB. That there
// are none, or no answer, is the caller's to mend.
func (r resolver) texts(ctx context.Context, record membership.Record) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	values, err := r.LookupTXT(ctx, record.Name+".") // rooted: no search list
	var failed *net.DNSError
	switch {
	case err == nil:
		return values, nil
	case errors.As(err, &failed) && failed.IsNotFound:
		return nil, instead(record, nil)
	}
	return nil, fault.New(fault.Conflict, "The name servers did not answer for %s within %.0f seconds: check the zone, or try again later", record.Name, lookupTime.Seconds()).Because(err)
}

const maxShown = 5 // values, in a sentence

// instead tells what was found in place of the record, and what to do.
func instead(record membership.Record, published []string) error {
	ours, others := membership.VerificationValues(published)
	found := fmt.Sprintf("%d other values", others)
	for _, value := range ours[:min(len(ours), maxShown)] {
		found += fmt.Sprintf(", %q", value[:min(len(value), 100)])
	}
	if len(published) == 0 {
		found = "nothing"
	}
	return fault.New(fault.Conflict, "Found at %s: %s. Publish the TXT record %q there; name servers may take as long to show it as the zone's TTL says (RFC 2308)",
		record.Name, found, record.Value)
}
