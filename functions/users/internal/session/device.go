package session

import (
	"net/netip"

	"github.com/mileusna/useragent"
	"github.com/phuslu/iploc"
)

// Device is the browser or program of a session, so that a person can recognize it. It is
// taken from a header that clients choose freely, so nothing else depends on it.
type Device struct {
	Browser   string `json:"browser,omitempty" doc:"Browser or program" example:"Firefox 128.0"`
	System    string `json:"system,omitempty" example:"Linux"`
	UserAgent string `json:"user_agent,omitempty" doc:"User-Agent header as sent (RFC 9110 §10.1.5)"`
}

// DeviceOf parses a User-Agent header.
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

// unassigned is the table's entry for addresses without a country.
const unassigned = "ZZ"

// CountryOf returns the country in which a network address is registered (ISO 3166-1
// alpha-2), or an empty string. It uses the embedded table IP2Location LITE,
// https://lite.ip2location.com.
func CountryOf(address netip.Addr) string {
	if !address.IsGlobalUnicast() || address.IsPrivate() {
		return ""
	}
	if country := iploc.IPCountry(address); country != unassigned {
		return country
	}
	return ""
}
