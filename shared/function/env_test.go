package function_test

import (
	"strings"
	"testing"

	"function/shared/function"
)

func TestConfig_Booleans_AreOnOrOff(t *testing.T) {
	for value, want := range map[string]bool{"on": true, "ON": true, "true": true, "1": true, "off": false, "false": false, "0": false} {
		t.Setenv("PLATFORM_ADMIN_SECOND_FACTOR", value)
		c, err := function.ConfigFromEnvironment(t.Context())
		if err != nil || c.PlatformAdminSecondFactor != want || c.RegistrationConfirmation {
			t.Errorf("%q is %v (%v), want %v", value, c.PlatformAdminSecondFactor, err, want)
		}
	}
	t.Setenv("PLATFORM_ADMIN_SECOND_FACTOR", "maybe")
	if _, err := function.ConfigFromEnvironment(t.Context()); err == nil || !strings.Contains(err.Error(), "PLATFORM_ADMIN_SECOND_FACTOR") {
		t.Errorf("maybe: %v, want an error that names the setting", err)
	}
}
