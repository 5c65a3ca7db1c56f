package personaldata_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/shared/engine"
	"function/shared/ingest/sample"
	"function/shared/personaldata"
)

// column is a labelled column.
type column struct {
	name, sqlType string
	kind          personaldata.Kind // "": not personal
	value         func(r *rand.Rand) string
}

func of(texts ...string) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return texts[r.IntN(len(texts))] }
}

func words(text string) func(*rand.Rand) string { return of(strings.Split(text, "|")...) }

// join writes one value of each of some kinds.
func join(separator string, parts ...func(*rand.Rand) string) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		texts := make([]string, len(parts))
		for i, part := range parts {
			texts[i] = part(r)
		}
		return strings.Join(texts, separator)
	}
}

// pattern replaces # by a digit, @ by a letter.
func pattern(text string) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		return strings.Map(func(c rune) rune {
			switch c {
			case '#':
				return rune('0' + r.IntN(10))
			case '@':
				return rune('A' + r.IntN(26))
			}
			return c
		}, text)
	}
}

func lower(f func(*rand.Rand) string) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return strings.ToLower(f(r)) }
}

// sometimes writes one of the words in place of a share of the values.
func sometimes(share float64, text string, f func(*rand.Rand) string) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		if r.Float64() < share {
			return words(text)(r)
		}
		return f(r)
	}
}

// luhn completes a number by its check digit.
func luhn(prefix string, length int) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		digits := pattern(prefix + strings.Repeat("#", length-1-len(prefix)))(r)
		sum := 0
		for i := range digits {
			d := int(digits[len(digits)-1-i] - '0')
			if i%2 == 0 {
				if d *= 2; d > 9 {
					d -= 9
				}
			}
			sum += d
		}
		return digits + strconv.Itoa((10-sum%10)%10)
	}
}

func iban(country, account string) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		body := pattern(account)(r)
		numeric := ""
		for _, c := range body + country + "00" {
			if c >= 'A' {
				numeric += strconv.Itoa(int(c-'A') + 10)
			} else {
				numeric += string(c)
			}
		}
		rest := 0
		for _, c := range numeric {
			rest = (rest*10 + int(c-'0')) % 97
		}
		return fmt.Sprintf("%s%02d%s", country, 98-rest, body)
	}
}

func day(from, to, layout string) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		a, _ := time.Parse(time.DateOnly, from)
		b, _ := time.Parse(time.DateOnly, to)
		return a.Add(time.Duration(r.Int64N(int64(b.Sub(a))))).Format(layout)
	}
}

func dni(r *rand.Rand) string {
	n := 10_000_000 + r.IntN(89_999_999)
	return fmt.Sprintf("%d%c", n, "TRWAGMYFPDXBNJZSQVHLCKE"[n%23])
}

func pesel(r *rand.Rand) string {
	digits := fmt.Sprintf("%02d%02d%02d%04d", r.IntN(100), 1+r.IntN(12), 1+r.IntN(28), r.IntN(10000))
	sum := 0
	for i, w := range []int{1, 3, 7, 9, 1, 3, 7, 9, 1, 3} {
		sum += w * int(digits[i]-'0')
	}
	return digits + strconv.Itoa((10-sum%10)%10)
}

func nir(r *rand.Rand) string {
	digits := fmt.Sprintf("%d%02d%02d%02d%03d%03d", 1+r.IntN(2), r.IntN(100), 1+r.IntN(12), 1+r.IntN(95), 1+r.IntN(900), 1+r.IntN(990))
	n, _ := strconv.Atoi(digits)
	return fmt.Sprintf("%s%02d", digits, 97-n%97)
}

func ssn(r *rand.Rand) string {
	return fmt.Sprintf("%03d-%02d-%04d", 1+r.IntN(665), 1+r.IntN(99), 1+r.IntN(9999))
}

var (
	// Beside common names, each list has some that no dictionary has.
	first    = words("Anna|Peter|María|Zoë|Ahmed|Wei|Priya|Jean|Olga|Luca|Ingrid|Kwabena|Siobhán|Tadeusz|Xochitl|John|Emma|Yusuf|Chloe|Hans|Thandiwe|Fatima|José|Karen|Sean|Marek|Oluwaseun|Ravi|Mei|Paul")
	last     = words("Smith|Müller|García|Nguyen|Kowalski|O'Brien|Dupont|Rossi|Ivanov|Tanaka|Okonkwo|Adeyemi|Lindqvist|Vandenberghe|Brown|Singh|Silva|Hansen|Papadopoulos|Khan|Mbeki|Castillo|Schmidt|Jones|Ferrari|Yılmaz|Novák|Chen|de la Cruz|Lee")
	mailbox  = join("", lower(of("anna", "peter", "info", "j.doe", "mary_ann", "x")), pattern("##"), of("@"), of("example.com", "mail.example.org", "firma.de", "uni.edu", "correo.es"))
	streets  = join(" ", pattern("##"), words("Main|Oak|High|Church|King George|Elm Park|Martin Luther King Jr|5th"), words("Street|St|Avenue|Ave|Road|Lane|Blvd|Drive|Court"))
	products = words("Garden Chair Oak|USB-C Cable 2m|Espresso Machine|Running Shoes|Office Desk|Water Bottle 750ml|LED Bulb E27|Yoga Mat|Winter Jacket|Notebook A5")
)

func labelled() (list []column) {
	text := func(kind personaldata.Kind, value func(*rand.Rand) string, names ...string) {
		for _, name := range names {
			list = append(list, column{name, "VARCHAR", kind, value})
		}
	}
	typed := func(sqlType string, kind personaldata.Kind, value func(*rand.Rand) string, names ...string) {
		for _, name := range names {
			list = append(list, column{name, sqlType, kind, value})
		}
	}
	// Personal data, with names that say so and with names that do not.
	text(personaldata.Email, mailbox, "email", "customerEmail", "contact", "login", "column_7", "MAIL")
	text(personaldata.Email, sometimes(0.25, "n/a|unknown", mailbox), "e_mail", "user_email")
	text(personaldata.Phone, pattern("+49 30 #######"), "phone", "c3", "Telefon")
	text(personaldata.Phone, join("", of("+1 212 555 ", "+1 415 555 "), pattern("01##")), "mobile", "number_1", "reach_at")
	text(personaldata.Phone, join("", of("(212) 555-", "(617) 253-"), pattern("####")), "phone", "col_b", "office")
	text(personaldata.Phone, join("", of("212-555-", "617-253-"), pattern("####")), "fax", "x12")
	text(personaldata.Phone, pattern("07### ######"), "tel", "mobile_number")
	text(personaldata.Phone, join(" ", of("01", "02", "06"), pattern("2# ## ## ##")), "telephone", "telephone2")
	typed("BIGINT", personaldata.Phone, pattern("49170#######"), "phone_number", "msisdn")
	text(personaldata.Name, first, "first_name", "Vorname", "given_name", "fname")
	text(personaldata.Name, last, "last_name", "surname", "Nachname", "apellido")
	text(personaldata.Name, join(" ", first, last), "name", "full_name", "customer", "column_3", "sales_rep", "contact_name")
	text(personaldata.Name, join(", ", last, first), "patient_name", "employee")
	text(personaldata.Address, streets, "address", "c9", "street", "ship_to")
	text(personaldata.Address, join(" ", words("Hauptstraße|Bahnhofstr.|Am Ring|Lindenallee|Goetheplatz"), pattern("##")), "adresse", "strasse", "col4")
	text(personaldata.Address, join(" ", pattern("#,"), words("rue de la Paix|rue Victor Hugo|avenue Foch|boulevard Voltaire|place du Marché")), "adresse", "f2")
	text(personaldata.Address, join(" ", words("Calle Mayor|Avenida del Sol|Plaza de España"), pattern("##")), "direccion", "g")
	text(personaldata.NationalID, ssn, "ssn", "id_number", "k1", "social_security_no")
	text(personaldata.NationalID, dni, "dni", "documento")
	text(personaldata.NationalID, pesel, "pesel")
	text(personaldata.NationalID, nir, "nir", "numero")
	text(personaldata.NationalID, join("", of("AB", "CE", "JK", "WM"), pattern("######"), of("A", "B", "C", "D")), "nino", "ni_no")
	typed("BIGINT", personaldata.NationalID, pesel, "pesel")
	text(personaldata.Card, luhn("4", 16), "card_number", "z", "pan")
	text(personaldata.Card, luhn("51", 16), "credit_card")
	text(personaldata.Card, luhn("37", 15), "cc", "payment")
	typed("BIGINT", personaldata.Card, luhn("4", 16), "card_number")
	text(personaldata.IBAN, iban("DE", "##################"), "iban", "konto", "q")
	text(personaldata.IBAN, iban("GB", "WEST##############"), "bank_account", "ref_account")
	text(personaldata.IBAN, iban("NL", "ABNA##########"), "IBAN")
	text(personaldata.IP, func(r *rand.Rand) string {
		return fmt.Sprintf("%d.%d.%d.%d", 1+r.IntN(223), r.IntN(256), r.IntN(256), 1+r.IntN(254))
	}, "ip", "client_ip", "source", "remote_addr")
	text(personaldata.IP, func(r *rand.Rand) string {
		return fmt.Sprintf("2001:db8:%x:%x::%x", r.IntN(65536), r.IntN(65536), 1+r.IntN(65535))
	}, "ip_address", "peer")
	typed("DATE", personaldata.BirthDate, day("1930-01-01", "2008-01-01", time.DateOnly), "birth_date", "dob", "Geburtsdatum", "dateOfBirth")
	typed("TIMESTAMP", personaldata.BirthDate, day("1930-01-01", "2008-01-01", time.DateOnly+" 00:00:00"), "born")
	text(personaldata.BirthDate, day("1930-01-01", "2008-01-01", "02.01.2006"), "birthday", "birth date")
	text(personaldata.Health, join("", pattern("@0#"), of(".1", ".9", ".02", ".10")), "diagnosis", "icd10", "primary_dx")
	text(personaldata.Health, func(r *rand.Rand) string {
		return fmt.Sprintf("%c%02d", "ABCDEFGHIJKLMNOPQRST"[r.IntN(20)], r.IntN(100))
	}, "icd_code", "diagnosis_code")

	// Not personal data, although some of it looks like it.
	text("", pattern("ORD-2026-######"), "order_number", "order_no", "reference")
	text("", pattern("##########"), "order_id", "invoice", "account_number", "tracking_number", "customer_id")
	text("", pattern("###############"), "transaction_id", "batch")
	text("", pattern("################"), "transaction_ref", "barcode")
	typed("BIGINT", "", pattern("1##########"), "id", "order_id", "epoch_ms", "customer_number", "quantity")
	typed("BIGINT", "", pattern("41##############"), "ledger_entry", "snowflake")
	typed("INTEGER", "", pattern("#####"), "zip", "amount", "year_built", "population")
	text("", func(r *rand.Rand) string { return uuidOf(r).String() }, "uuid", "session_id", "user_id", "person_id")
	text("", func(r *rand.Rand) string { b := uuidOf(r); return hex.EncodeToString(b[:]) }, "token", "sha_prefix", "etag")
	text("", day("2020-01-01", "2026-11-01", time.RFC3339), "created_at", "timestamp", "ts", "updated")
	text("", day("2020-01-01", "2026-11-01", time.DateOnly), "order_date", "due", "invoice_date")
	typed("DATE", "", day("1950-01-01", "2026-01-01", time.DateOnly), "order_date", "hired", "valid_from", "date")
	typed("TIMESTAMP", "", day("2020-01-01", "2026-11-01", time.DateTime), "created_at", "event_time", "last_login")
	text("", products, "product", "name", "description", "product_name", "item")
	text("", words("Berlin|Paris|London|New York|São Paulo|Tokyo|Lagos|Sydney|San Francisco"), "city", "location", "name", "town")
	text("", words("Germany|France|United States|Japan|Brazil|Nigeria|India"), "country", "nation", "name")
	text("", words("Acme Corp|Globex|Initech|Umbrella GmbH|Stark Industries|Wayne Enterprises|Hooli"), "company", "vendor", "supplier_name", "customer")
	text("", words("active|inactive|pending|closed"), "status", "state", "person_status")
	text("", words("red|green|blue|black"), "color", "variant")
	text("", words("DE|FR|US|GB|JP"), "country_code", "lang", "market")
	text("", pattern("@@@-####-@@"), "sku", "part", "code", "article_no")
	text("", join("", pattern("@##"), of("", "-X")), "shelf", "part_code", "bin", "gate")
	text("", func(r *rand.Rand) string { return fmt.Sprintf("%d.%d.%d", r.IntN(9), r.IntN(20), r.IntN(99)) }, "version", "release", "build")
	text("", func(r *rand.Rand) string {
		return fmt.Sprintf("%d.%d.%d.%d", 1+r.IntN(9), r.IntN(20), r.IntN(99), r.IntN(999))
	}, "app_version", "firmware_version")
	text("", func(r *rand.Rand) string { return fmt.Sprintf("%.6f, %.6f", r.Float64()*180-90, r.Float64()*360-180) }, "coordinates", "geo")
	text("", func(r *rand.Rand) string { return fmt.Sprintf("%.2f", r.Float64()*1000) }, "price", "amount", "score")
	text("", join("", of("https://example.com/p/", "https://shop.example.org/item?id="), pattern("####")), "url", "link", "referrer")
	text("", pattern("978-3-16-######-#"), "isbn", "book")
	text("", join(" ", words("great|bad|ok|the best|I like this"), words("product|service|place|chair"), of("!", ".", "5/5")), "comment", "review", "text")
	text("", words("sun|rain|fog|drizzle|snow"), "weather", "condition")
	text("", words("KJFK|EDDF|LFPG|EGLL|RJTT"), "icao", "airport", "ident")
	text("", func(r *rand.Rand) string { return fmt.Sprintf("%02d:%02d:%02d", r.IntN(24), r.IntN(60), r.IntN(60)) }, "time", "opening")
	text("", words("Engineering|Sales|Finance|Human Resources|Legal"), "department", "team", "cost_center")
	text("", words("January|February|March|April|May|June"), "month", "period")
	text("", words("Smith & Sons Ltd|Müller AG|Garcia Imports|Lee Logistics|Brown Bakery Inc"), "merchant", "vendor_name")
	text("", pattern("1Z@@####0#########"), "tracking", "shipment")
	text("", words("Mercury|Venus|Mars|Jupiter|Saturn"), "planet", "cluster")
	text("", pattern("V#.## build ####"), "agent", "software")
	text("", words("Room 12|Floor 3|Gate 7|Track 4|Hall 2"), "room", "place")
	return list
}

func uuidOf(r *rand.Rand) (id uuid.UUID) {
	for i := range id {
		id[i] = byte(r.IntN(256))
	}
	id[6], id[8] = 0x40|id[6]&0x0f, 0x80|id[8]&0x3f
	return id
}

func TestClassify_LabelledColumns_PrecisionAndRecall(t *testing.T) {
	t.Parallel()
	var right, missed, wrong, negatives int
	for i, c := range labelled() {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		seen := map[string]bool{}
		var values []string
		for range 400 {
			if v := c.value(r); !seen[v] {
				seen[v], values = true, append(values, v)
			}
		}
		kind, share, _ := personaldata.Classify(c.name, c.sqlType, values)
		switch {
		case kind == c.kind && kind != "":
			right++
		case c.kind == "" && kind == "":
			negatives++
		default:
			if kind != "" {
				wrong++
			}
			if c.kind != "" {
				missed++
			}
			t.Logf("%s %s like %q is %q (%.2f), want %q", c.name, c.sqlType, values[0], kind, share, c.kind)
		}
	}
	precision, recall := float64(right)/float64(right+wrong), float64(right)/float64(right+missed)
	t.Logf("%d found, %d missed, %d wrong, %d rightly not found: precision %.3f, recall %.3f", right, missed, wrong, negatives, precision, recall)
	if precision < 0.98 || recall < 0.95 {
		t.Errorf("precision %.3f, recall %.3f", precision, recall)
	}
}

func TestFind_Table_HasItsColumns(t *testing.T) {
	t.Parallel()
	s, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	path := filepath.Join(t.TempDir(), "t.parquet")
	err = s.Exec(t.Context(), `COPY (SELECT i AS id, i AS v, i AS value, i AS s, 'user' || i || '@example.com' AS contact, DATE '1970-01-01' + (i % 9000)::INT AS "Date of Birth",
		DATE '2026-01-01' + (i % 90)::INT AS ordered, NULL::VARCHAR AS email, 'note ' || i AS note, [i] AS list, uuid() AS "key" FROM range(30000) t(i)) TO '`+path+`' (FORMAT parquet)`)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := sample.Draw(t.Context(), s, []string{path}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	found, err := personaldata.Find(t.Context(), s, drawn)
	if err != nil {
		t.Fatal(err)
	}
	want := []personaldata.Finding{{Column: "contact", Kind: personaldata.Email, Share: 1}, {Column: "Date of Birth", Kind: personaldata.BirthDate, Share: 1}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}
