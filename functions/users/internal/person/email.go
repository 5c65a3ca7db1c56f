package person

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/secret"
)

// Email is an email address in a request. Functions see the form that [ParseEmail] returns.
type Email string

// Schema implements huma.SchemaProvider.
func (Email) Schema(huma.Registry) *huma.Schema {
	most := maxEmail
	return &huma.Schema{Type: huma.TypeString, Format: "email", MaxLength: &most}
}

// Resolve implements huma.ResolverWithPath: it replaces the address by its normalized form.
func (e *Email) Resolve(_ huma.Context, at *huma.PathBuffer) []error {
	if _, err := mail.ParseAddress(string(*e)); err != nil {
		return nil // the schema has refused it
	}
	parsed, err := ParseEmail(string(*e))
	if err != nil {
		return []error{&huma.ErrorDetail{Location: at.String(), Message: err.Error()}}
	}
	*e = Email(parsed)
	return nil
}

// Maximum lengths in octets of an address and of the part before its @ (RFC 5321 §4.5.3.1).
// Domains have at most 253 (RFC 1035 §2.3.4).
const (
	maxEmail     = 254
	maxLocalPart = 64
)

var (
	errLength    = fmt.Errorf("an email address has at most %d bytes, at most %d of them before the @", maxEmail, maxLocalPart)
	errLocalPart = errors.New("the part before the @ can only contain letters, digits, single dots between them and !#$%&'*+-/=?^_`{|}~, no spaces, quotation marks or comments")
	errDomain    = errors.New("the part after the @ is not a domain that can receive mail, such as example.com")
)

// Domains converts a domain to its ASCII form (UTS #46, IDNA2008).
var Domains = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// ParseEmail normalizes an address, so that a mailbox is stored and indexed in only one
// form: a dot-atom (RFC 5322 §3.2.3, RFC 6531) in lower case and NFC, and a domain with a
// dot, in ASCII. Quoted local parts, comments, display names and address literals are
// refused, because each allows endless spellings of one mailbox. Its errors are sentences
// for the person and do not contain the address.
func ParseEmail(text string) (string, error) {
	text = strings.TrimSpace(text)
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return "", errDomain
	}
	local := norm.NFC.String(strings.ToLower(norm.NFC.String(text[:at])))
	domain, err := Domains.ToASCII(text[at+1:])
	if err != nil || !IsHost(domain) {
		return "", errDomain
	}
	if !isDotAtom(local) {
		return "", errLocalPart
	}
	if len(local) > maxLocalPart || len(local)+1+len(domain) > maxEmail {
		return "", errLength
	}
	return local + "@" + domain, nil
}

func isDotAtom(local string) bool {
	for _, atom := range strings.Split(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return !isAtomText(r) }) {
			return false
		}
	}
	return utf8.ValidString(local)
}

func isAtomText(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.N)
}

// IsHost reports whether a domain of several labels is a host name and not an address
// literal: the last label of a host name is not all digits (RFC 3696 §2).
func IsHost(domain string) bool {
	dot := strings.LastIndexByte(domain, '.')
	return dot > 0 && strings.Trim(domain[dot+1:], "0123456789") != ""
}

// EmailIndex is the blind index by which an address is found, in any spelling. Addresses
// that [ParseEmail] refuses are indexed too: some accounts are older than its rules.
func EmailIndex(keeper *secret.Keeper, email string) []byte {
	if parsed, err := ParseEmail(email); err == nil {
		email = parsed
	}
	return formerIndex(keeper, email)
}

// formerIndex is the index that addresses had before [ParseEmail] existed.
func formerIndex(keeper *secret.Keeper, email string) []byte {
	return keeper.BlindIndex("users.email", strings.ToLower(strings.TrimSpace(email)))
}

const selectFormer = `SELECT email_index FROM users WHERE email_index = $1`

// AccountIndex returns the [EmailIndex] of an address as typed or, for an account that is
// older than [ParseEmail], its former index.
func AccountIndex(ctx context.Context, s store.Store, db store.RowQuerier, email string) ([]byte, error) {
	index, former := EmailIndex(s.Keeper, email), formerIndex(s.Keeper, email)
	if string(index) == string(former) {
		return index, nil
	}
	err := db.QueryRow(ctx, selectFormer, former).Scan(&former)
	switch {
	case database.IsNoRows(err):
		return index, nil
	case err != nil:
		return nil, fmt.Errorf("look up account: %w", err)
	}
	return former, nil
}
