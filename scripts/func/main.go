// Command func is the knative.dev/func CLI, run by scripts/func-build.sh. It adds one feature: the
// host builder, which has no flag for this, builds only for the platforms in FUNC_PLATFORMS
// ("linux/amd64,linux/arm64") rather than always for amd64, arm64 and arm/v7.
package main

import (
	"fmt"
	"os"
	"strings"

	"knative.dev/func/pkg/app"
	"knative.dev/func/pkg/functions"
)

func main() {
	if list := os.Getenv("FUNC_PLATFORMS"); list != "" {
		platforms, err := parsePlatforms(list)
		if err != nil {
			fmt.Fprintln(os.Stderr, "FUNC_PLATFORMS:", err)
			os.Exit(2)
		}
		functions.DefaultPlatforms = platforms
	}
	app.Main()
}

func parsePlatforms(list string) ([]functions.Platform, error) {
	var platforms []functions.Platform
	for _, name := range strings.Split(list, ",") {
		parts := strings.Split(name, "/")
		if len(parts) < 2 || len(parts) > 3 {
			return nil, fmt.Errorf("%q is not os/architecture or os/architecture/variant", name)
		}
		platform := functions.Platform{OS: parts[0], Architecture: parts[1]}
		if len(parts) == 3 {
			platform.Variant = parts[2]
		}
		platforms = append(platforms, platform)
	}
	return platforms, nil
}
