package domains

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/membership"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

const selectDomain = `SELECT ` + membership.DomainColumns + ` FROM organization_domains WHERE organization_id = $1 AND name = $2`

// Verify looks up the record before the transaction begins, and then verifies the domain.
func (f *Function) Verify(ctx context.Context, in *Request) (*Response, error) {
	entry := audit.Entry{Action: "domains:verify", ResourceID: in.Domain}
	rows, _ := f.store.DB.Query(ctx, selectDomain, in.ID, in.Domain)
	claimed, err := pgx.CollectExactlyOneRow(rows, membership.CollectDomain)
	if database.IsNoRows(err) {
		return nil, act.Refused(ctx, f.store.DB, entry, membership.ErrNoDomain)
	}
	if err != nil {
		return nil, fmt.Errorf("read domain: %w", err)
	}
	published, err := f.resolver.lookUpTXT(ctx, claimed.Record)
	if err != nil {
		return nil, act.Refused(ctx, f.store.DB, entry, err)
	}
	var out Response
	return &out, act.Do(ctx, f.store.DB, entry, func(tx *outbox.Tx, _ *audit.Entry) (err error) {
		out.Body, err = membership.VerifyDomain(ctx, tx, in.ID, in.Domain, published)
		if database.IsNoRows(err) {
			return errRecordMismatch(claimed.Record, published)
		}
		return err
	})
}

// lookupTime limits the time for a DNS lookup.
const lookupTime = 5 * time.Second

// resolver looks up DNS records.
type resolver struct{ *net.Resolver }

// newResolver returns a resolver that asks the given server, host:port, or the system's servers
// if it is empty.
func newResolver(server string) resolver {
	if server == "" {
		return resolver{net.DefaultResolver}
	}
	return resolver{&net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server)
	}}}
}

// lookUpTXT returns the values of a TXT record, which fit in one DNS message of at most 64 KiB. If
// the record is missing or the server does not respond, the error tells the caller what to do.
func (r resolver) lookUpTXT(ctx context.Context, record membership.Record) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	values, err := r.LookupTXT(ctx, record.Name+".") // rooted: no search list
	var failed *net.DNSError
	switch {
	case err == nil:
		return values, nil
	case errors.As(err, &failed) && failed.IsNotFound:
		return nil, errRecordMismatch(record, nil)
	}
	return nil, fault.New(fault.Conflict, "The name servers did not answer for %s within %.0f seconds: check the zone, or try again later", record.Name, lookupTime.Seconds()).Because(err)
}

const maxShown = 5 // values in an error message

// errRecordMismatch returns an error that says what was found instead of the record, and what to
// do.
func errRecordMismatch(record membership.Record, published []string) error {
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
