package session

import (
	"net/netip"

	"github.com/mileusna/useragent"
	"github.com/phuslu/iploc"
)

// Device is what a person recognizes a browser or program by. A client says what it
// likes: nothing depends on it.
type Device struct {
	Browser   string `json:"browser,omitempty" doc:"Browser or program" example:"Firefox 128.0"`
	System    string `json:"system,omitempty" example:"Linux"`
	UserAgent string `json:"user_agent,omitempty" doc:"User-Agent header as sent (RFC 9110 §10.1.5)"`
}

// DeviceOf reads a User-Agent.
func DeviceOf(userAgent string) Device {
	parsed := useragent.Parse(userAgent)
	return Device{Browser: named(parsed.Name, parsed.Version), System: named(parsed.OS, parsed.OSVersion), UserAgent: userAgent}
}

func named(name, version string) string {
	if name == "" || version == "" {
		return name
	}
	return name + " " + version
}

// unassigned is what the table says of addresses that are no country's.
const unassigned = "ZZ"

// CountryOf is where a network address is registered (ISO 3166-1 alpha-2), by the
// table that is linked in: IP2Location LITE, https://lite.ip2location.com. Empty: nowhere.
func CountryOf(address netip.Addr) string {
	if !address.IsGlobalUnicast() || address.IsPrivate() {
		return ""
	}
	if country := iploc.IPCountry(address); country != unassigned {
		return country
	}
	return ""
}
