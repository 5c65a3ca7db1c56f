package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"strings"
	"testing"

	"function/shared/mailbox"
)

func TestMails_FromAnotherHost_AreNotFound(t *testing.T) {
	t.Parallel()
	box, err := mailbox.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	for _, to := range []string{"ada@example.com", "eve@example.com"} {
		if err := smtp.SendMail(strings.TrimPrefix(box.URL(), "smtp://"), nil, "from@example.com", []string{to}, []byte("Subject: Hello\r\n\r\nx")); err != nil {
			t.Fatal(err)
		}
	}
	s := &stores{mailbox: box}
	mux := http.NewServeMux()
	mux.Handle("GET "+mailsPath, loopbackOnly(http.HandlerFunc(s.listMails)))
	mux.Handle("GET "+mailsPath+"/{id}", loopbackOnly(http.HandlerFunc(s.readMail)))
	get := func(path string, change func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "http://localhost:8080"+path, nil)
		r.RemoteAddr = "127.0.0.1:1234"
		change(r)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	same := func(*http.Request) {}
	for path, want := range map[string][]string{
		mailsPath: {"eve@example.com", "ada@example.com"}, mailsPath + "?to=ADA@example.com": {"ada@example.com"}, mailsPath + "?to=nobody": {},
	} {
		var got []mailbox.Mail
		if err := json.Unmarshal(get(path, same).Body.Bytes(), &got); err != nil || got == nil || len(got) != len(want) {
			t.Errorf("%s: %v (%v), want mails to %v", path, got, err, want)
			continue
		}
		for i := range want {
			if got[i].To != want[i] {
				t.Errorf("%s: mail %d is to %s, want %s", path, i, got[i].To, want[i])
			}
		}
	}
	if w := get(mailsPath+"/1", same); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "ada@example.com") {
		t.Errorf("mail 1: %d %s", w.Code, w.Body)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"unknown":       get(mailsPath+"/3", same),
		"no number":     get(mailsPath+"/x", same),
		"another host":  get(mailsPath, func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1234" }),
		"a page":        get(mailsPath, func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }),
		"a proxy":       get(mailsPath, func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") }),
		"DNS rebinding": get(mailsPath, func(r *http.Request) { r.Host = "evil.example:8080" }),
	} {
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", name, w.Code)
		}
	}
}
