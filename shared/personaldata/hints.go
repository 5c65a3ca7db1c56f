package personaldata

import (
	"slices"
	"strings"
	"unicode"
)

// hint lists names of columns: words, and phrases of several words in a row.
type hint []string

// in reports whether the words of a column's name contain one of the hint's.
func (h hint) in(words []string) bool {
	joined := " " + strings.Join(words, " ") + " "
	return slices.ContainsFunc(h, func(phrase string) bool { return strings.Contains(joined, " "+phrase+" ") })
}

// wordsOf splits the name of a column: customerEmail, customer_email and CUSTOMER-EMAIL have the same words.
func wordsOf(name string) (words []string) {
	var word []rune
	end := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
			word = nil
		}
	}
	previous := ' '
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r):
			end()
		case unicode.IsUpper(r) && unicode.IsLower(previous):
			end()
			word = append(word, r)
		default:
			word = append(word, r)
		}
		previous = r
	}
	end()
	return words
}

var (
	// harmless are names of columns whose values may look like personal data.
	harmless = hint{"version", "sku", "uuid", "guid", "hash", "checksum", "sha", "url", "uri", "product", "article", "part number", "part no", "serial", "model", "file", "filename", "path", "city", "country", "state", "region", "company", "brand", "airport", "station", "iata", "icao", "isbn", "ean", "gtin", "build", "release"}

	emailHint     = hint{"email", "mail", "e mail", "emailaddress", "correo"}
	ibanHint      = hint{"iban", "account", "bank", "konto"}
	cardHint      = hint{"card", "cc", "pan", "credit", "cardnumber", "ccnumber", "karte"}
	idHint        = hint{"ssn", "social security", "nino", "national id", "nationalid", "national insurance", "tax id", "taxid", "tin", "dni", "nie", "nif", "nir", "codice fiscale", "bsn", "pesel", "personnummer", "cpf", "aadhaar", "pan", "steuer id", "steuerid", "passport", "id number", "personal id", "sozialversicherungsnummer"}
	ipHint        = hint{"ip", "ipaddress", "ip address", "client ip", "remote addr", "host"}
	phoneHint     = hint{"phone", "tel", "telephone", "mobile", "cell", "fax", "telefon", "handy", "phonenumber", "contact number", "msisdn", "telefono"}
	birthHint     = hint{"birth", "dob", "birthday", "birthdate", "born", "geburtsdatum", "geboren", "naissance", "nacimiento", "nascita", "date of birth"}
	healthHint    = hint{"icd", "diagnosis", "diagnoses", "dx", "diag", "diagnose", "condition code"}
	addressHint   = hint{"address", "addr", "street", "strasse", "straße", "adresse", "direccion", "calle", "rue", "indirizzo", "home address", "shipping address", "address line"}
	nameHint      = hint{"first name", "firstname", "fname", "given name", "givenname", "last name", "lastname", "lname", "surname", "family name", "middle name", "full name", "fullname", "maiden name", "vorname", "nachname", "prenom", "nombre", "apellido", "patient name", "customer name", "employee name", "person name", "contact name", "cardholder", "beneficiary"}
	looseNameHint = append(slices.Clone(nameHint), "name", "customer", "patient", "employee", "contact", "person", "owner", "author", "member", "student", "user", "recipient", "sender", "manager", "sales rep")
)
