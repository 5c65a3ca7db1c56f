package egress_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"function/shared/egress"
)

func TestIsPublic(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"93.184.216.34": true, "8.8.8.8": true, "2606:2800:220:1:248:1893:25c8:1946": true, "::ffff:8.8.8.8": true, "172.32.0.1": true, "100.128.0.1": true,
		"0.0.0.0": false, "10.1.2.3": false, "100.64.0.1": false, "100.100.100.200": false, "127.0.0.1": false, "127.255.255.254": false, "168.63.129.16": false,
		"169.254.169.254": false, "172.16.0.1": false, "172.31.255.255": false, "192.0.0.192": false, "192.168.1.1": false, "198.18.0.1": false,
		"224.0.0.1": false, "239.1.1.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false, "64:ff9b::a00:1": false, "64:ff9b:1::1": false,
		"fc00::1": false, "fd00:ec2::254": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "ff02::1": false,
		"2001::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "3fff::1": false, "100::1": false, "5f00::1": false,
	} {
		if got := egress.IsPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("IsPublic(%s) = %t", text, got)
		}
	}
}

func TestCheck_OtherURLs_AreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "a", "/etc/passwd", "file:///etc/passwd", "ftp://example.com/a", "gopher://example.com", "http://", "https:///a", "http:a", "//example.com/a",
		"https://user:secret@example.com/", "http://[fe80::1%25eth0]/", "http://exa mple.com/", "https://example.com/" + strings.Repeat("a", 2048), "javascript:alert(1)",
	} {
		if _, err := egress.Check(text); err == nil || egress.Refusal(err) == nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"https://example.com/a.csv?x=1", "HTTP://example.com:8080", "http://[2606:2800:220:1::1]/a"} {
		if _, err := egress.Check(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestClient_PrivateAddress_IsNotConnectedTo(t *testing.T) {
	t.Parallel()
	var reached bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(server.Close)
	port := strconv.Itoa(int(netip.MustParseAddrPort(server.Listener.Addr().String()).Port()))
	client := egress.NewClient(nil)
	for _, host := range []string{"127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "LOCALHOST.", "①②⑦.0.0.1"} {
		response, err := client.Get("http://" + host + ":" + port + "/")
		if err == nil {
			response.Body.Close()
			t.Errorf("%s: connected", host)
		}
	}
	if _, err := client.Get("http://127.0.0.1:" + port); !errors.Is(err, error(egress.ErrPrivate)) {
		t.Errorf("the error is %v", err)
	}
	if reached {
		t.Error("the server was reached")
	}
}

func TestClient_Redirects_AreChecked(t *testing.T) {
	t.Parallel()
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the private server was reached") }))
	t.Cleanup(secret.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if left, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/again/")); err == nil {
			if left > 0 {
				http.Redirect(w, r, "/again/"+strconv.Itoa(left-1), http.StatusFound)
			}
			return
		}
		http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	own := netip.MustParseAddrPort(server.Listener.Addr().String()).Addr()
	client := egress.NewClient([]netip.Prefix{netip.PrefixFrom(own, 32)})
	response, err := client.Get(server.URL + "/again/5")
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("five redirects: %v", err)
	}
	response.Body.Close()
	private := strings.Replace(secret.URL, "127.0.0.1", "127.0.0.2", 1)
	for _, path := range []string{"/again/6", "/?to=" + url.QueryEscape(private), "/?to=file:///etc/passwd", "/?to=" + url.QueryEscape("http://[::1]:1/"), "/?to=" + url.QueryEscape("http://a:b@127.0.0.1/")} {
		response, err := client.Get(server.URL + path)
		if err == nil {
			response.Body.Close()
		}
		if egress.Refusal(err) == nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
