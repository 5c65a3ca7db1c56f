// Package personaldata finds columns of tables that hold personal data (GDPR Article 4(1)). It looks at a sample of
// the distinct values of a column and at the column's name. What has a checksum or a strict form is recognized by its values
// alone; what has not, such as a date of birth, also needs a name that says so. There is no well-kept library for it in Go.
package personaldata

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"function/shared/engine"
	"function/shared/ingest/sample"
)

// Kind is a kind of personal data.
type Kind string

// The kinds of personal data.
const (
	Email      Kind = "email"
	Phone      Kind = "phone"
	Name       Kind = "name"
	Address    Kind = "address"
	NationalID Kind = "national_id"
	Card       Kind = "payment_card"
	IBAN       Kind = "iban"
	IP         Kind = "ip_address"
	BirthDate  Kind = "birth_date"
	Health     Kind = "health_code"
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{Email, Phone, Name, Address, NationalID, Card, IBAN, IP, BirthDate, Health}
}

// Finding is a column that holds personal data.
type Finding struct {
	Column string  `json:"column"`
	Kind   Kind    `json:"kind" enum:"email,phone,name,address,national_id,payment_card,iban,ip_address,birth_date,health_code"`
	Share  float64 `json:"share" minimum:"0" maximum:"1" doc:"Share of the sampled distinct values that have the form of this kind"`
}

const (
	sampled   = 1_000 // distinct values of a column
	maxLength = 500   // of a value that is looked at, in characters
)

// Find returns the columns of a table that hold personal data, in their order, by a sample of its rows.
func Find(ctx context.Context, s *engine.Session, drawn *sample.Sample) ([]Finding, error) {
	var found []Finding
	for _, f := range drawn.Fields {
		if !readable(f.Type) {
			continue
		}
		values, err := distinct(ctx, s, engine.Parquet(drawn.Files...), f.Name)
		if err != nil {
			return nil, err
		}
		if kind, share, ok := Classify(f.Name, f.Type, values); ok {
			found = append(found, Finding{Column: f.Name, Kind: kind, Share: share})
		}
	}
	return found, nil
}

// readable reports whether values of a type are looked at.
func readable(sqlType string) bool {
	return sqlType == "VARCHAR" || whole(sqlType) || dated(sqlType)
}

func whole(sqlType string) bool {
	return slices.Contains(strings.Fields("INTEGER BIGINT HUGEINT UINTEGER UBIGINT UHUGEINT"), sqlType)
}

func dated(sqlType string) bool { return sqlType == "DATE" || strings.HasPrefix(sqlType, "TIMESTAMP") }

func distinct(ctx context.Context, s *engine.Session, from, column string) (values []string, err error) {
	name := engine.Identifier(column)
	query := fmt.Sprintf("SELECT value FROM (SELECT DISTINCT left(trim(CAST(s.%s AS VARCHAR)), %d) AS value FROM %s s) WHERE value <> '' ORDER BY hash(value) LIMIT %d", name, maxLength, from, sampled)
	err = s.Each(ctx, query, func(row []any) error {
		text, _ := row[0].(string)
		values = append(values, text)
		return nil
	})
	return values, err
}

// recognizer recognizes one kind.
type recognizer struct {
	kind  Kind
	match func(value string) bool
	alone float64 // share of matching values for which the name of the column does not matter; 0: it does
	hint  hint    // names for which hinted is enough; nil: none
	share float64 // of matching values with such a name
}

// In this order: a value may have several forms, such as a card number that is also a phone number.
var recognizers = []recognizer{
	{kind: Email, match: isEmail, alone: 0.6, hint: emailHint, share: 0.3},
	{kind: IBAN, match: isIBAN, alone: 0.9, hint: ibanHint, share: 0.5},
	{kind: Card, match: isCard, alone: 0.95, hint: cardHint, share: 0.6},
	{kind: NationalID, match: isStrictID, alone: 0.95, hint: idHint, share: 0.5},
	{kind: NationalID, match: isLooseID, hint: idHint, share: 0.7},
	{kind: IP, match: isIP, alone: 0.95, hint: ipHint, share: 0.5},
	{kind: Phone, match: isInternationalPhone, alone: 0.8, hint: phoneHint, share: 0.3},
	{kind: Phone, match: isFormattedPhone, alone: 0.9, hint: phoneHint, share: 0.5},
	{kind: Phone, match: isPhoneDigits, hint: phoneHint, share: 0.7},
	{kind: BirthDate, match: isBirthDate, hint: birthHint, share: 0.8},
	{kind: Health, match: isDottedICD, alone: 0.95, hint: healthHint, share: 0.4},
	{kind: Health, match: isICD, hint: healthHint, share: 0.7},
	{kind: Address, match: isAddress, alone: 0.6, hint: addressHint, share: 0.3},
	{kind: Address, match: isAddressLike, hint: addressHint, share: 0.6},
	{kind: Name, match: isKnownName, alone: 0.6, hint: looseNameHint, share: 0.3},
	{kind: Name, match: isNameLike, hint: nameHint, share: 0.7},
}

// Classify returns the kind of personal data that a column holds, by a sample of its distinct values in DuckDB's text
// form.
func Classify(name, sqlType string, values []string) (kind Kind, share float64, ok bool) {
	if len(values) == 0 {
		return "", 0, false
	}
	words := wordsOf(name)
	if harmless.in(words) {
		return "", 0, false
	}
	for _, r := range recognizers {
		if dated(sqlType) != (r.kind == BirthDate) && sqlType != "VARCHAR" {
			continue
		}
		hinted := r.hint != nil && r.hint.in(words)
		if whole(sqlType) && !hinted {
			continue // digits without a form are numbers of anything
		}
		if r.alone == 0 && !hinted {
			continue
		}
		matching := 0
		for _, v := range values {
			if r.match(v) {
				matching++
			}
		}
		share = float64(matching) / float64(len(values))
		// Few values may have a form by chance.
		if hinted && share >= r.share || r.alone > 0 && share >= r.alone && len(values) >= 5 {
			return r.kind, share, true
		}
	}
	return "", 0, false
}
