package credential_test

import (
	"testing"

	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }
