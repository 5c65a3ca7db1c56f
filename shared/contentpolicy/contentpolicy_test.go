package contentpolicy

import "testing"

func TestPage_AllowsOnlyItsOwnParts(t *testing.T) {
	t.Parallel()
	// echo -n a | openssl dgst -sha256 -binary | base64, and the same for b
	const a, b = "'sha256-ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs='", "'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0='"
	for script, want := range map[string]string{
		"":  "default-src 'none'; style-src " + a + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"b": "default-src 'none'; style-src " + a + "; script-src " + b + "; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	} {
		if got := Page("a", script); got != want {
			t.Errorf("script %q: %s, want %s", script, got, want)
		}
	}
}
