package dataset

import "testing"

func TestKnownType_MatchesTheWholeName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"VARCHAR": true, "DECIMAL(38,38)": true, "DECIMAL(1,0)": true, "DECIMAL(10,9)": true, "DECIMAL(18,2)": true,
		"": false, "VARCHAR(10)": false, "DECIMAL": false, "DECIMAL(0,0)": false, "DECIMAL(39,0)": false, "DECIMAL(9,10)": false,
		"DECIMAL(10,11)": false, "BIGINT;": false, "BIGINT\nDATE": false, "BIGINT[]": false,
	} {
		if got := knownType(name); got != want {
			t.Errorf("knownType(%q) = %t", name, got)
		}
	}
}
