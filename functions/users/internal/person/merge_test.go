package person_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/users/internal/person"
	"function/shared/fault"
)

// The examples of RFC 7396 Appendix A, as attributes.
func TestMerge_ExamplesOfRFC7396(t *testing.T) {
	t.Parallel()
	for _, test := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`}, {`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`}, {`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`}, {`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`}, {`{"a":[1,{"x":null}]}`, `{"e":[{"x":null},null]}`, `{"a":[1,{"x":null}],"e":[{"x":null},null]}`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`}, {`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		was := person.Changeable{FirstName: "Ada", LastName: "Lovelace"}
		if err := json.Unmarshal([]byte(test[0]), &was.Attributes); err != nil {
			t.Fatal(err)
		}
		is, _, err := was.Change([]byte(`{"attributes": ` + test[1] + `}`))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := json.Marshal(is.Attributes)
		if diff := cmp.Diff(test[2], string(got)); diff != "" {
			t.Errorf("%s and %s: %s", test[0], test[1], diff)
		}
	}
}

func TestProfileChange_FieldInAnotherCase_IsRefused(t *testing.T) {
	t.Parallel()
	was := person.Changeable{FirstName: "Ada", LastName: "Lovelace"}
	for _, patch := range []string{`{"First_Name": "Eve"}`, `{"PREFERENCES": {}}`, `{"first_name": "Ada", "ſirst_name": "Eve"}`} {
		if is, fields, err := was.Change([]byte(patch)); err == nil {
			t.Errorf("%s is taken for a change of %v, to %+v", patch, fields, is)
		}
	}
}

// FuzzChange checks that no change panics and that the result can be changed again.
func FuzzChange(f *testing.F) {
	for _, seed := range []string{`{}`, `{"attributes": {"a": [1, {"b": null}]}, "first_name": null}`, `{"locale": "de-CH", "time_zone": "Europe/Zurich"}`, `[[[`, `{"picture_url": "https://a/%zz"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, patch []byte) {
		c := person.Changeable{FirstName: "Ada", LastName: "Lovelace", Extras: person.Extras{Attributes: map[string]any{"a": map[string]any{"b": true}}}}
		changed, _, err := c.Change(patch)
		if err != nil {
			if _, ok := fault.As(err); !ok {
				t.Errorf("%v is no fault", err)
			}
			return
		}
		if _, fields, err := changed.Change([]byte(`{}`)); err != nil || len(fields) != 0 {
			t.Errorf("%+v: %v %v", changed, fields, err)
		}
	})
}

// A field in another case would be stored but appear in neither the audit trail nor the event.
func TestChange_FieldInAnotherCase_IsRefused(t *testing.T) {
	t.Parallel()
	was := person.Changeable{FirstName: "Ada", LastName: "Lovelace"}
	for _, patch := range []string{`{"First_name": "Eve"}`, `{"LOCALE": "de"}`, `{"Attributes": {"a": 1}}`, `{"locale": "de", "unknown": null}`} {
		if is, _, err := was.Change([]byte(patch)); err == nil {
			t.Errorf("%s makes %+v, want a refusal", patch, is)
		}
	}
}

func TestProfileChange_NumberThatReadersCannotHold_IsRefused(t *testing.T) {
	t.Parallel()
	for number, taken := range map[string]bool{
		"1e400": false, "-1e400": false, "1e-400": false, "[[1e999]]": false, "1.7e308": true, "0": true, "-0.0e9": true, "0e-999": true, "12345678901234567890": true,
	} {
		if _, _, err := (person.Changeable{FirstName: "Ada", LastName: "L"}).Change([]byte(`{"attributes": {"f": ` + number + `}}`)); (err == nil) != taken {
			t.Errorf("%s: %v, want it taken %v", number, err, taken)
		}
	}
}
