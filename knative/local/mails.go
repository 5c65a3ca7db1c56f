package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"function/shared/mailbox"
)

// announce prints a mail and its links to the console.
func announce(m mailbox.Mail) {
	fmt.Printf("mail %d to %s: %s\n", m.ID, m.To, m.Subject)
	for _, link := range m.Links() {
		fmt.Println("  " + link)
	}
}

// listMails returns all captured mail, newest first, or only that to one address:
// /_local/mails?to=ada@example.com.
func (s *stores) listMails(w http.ResponseWriter, r *http.Request) {
	mails := s.mailbox.Mails()
	if to := r.FormValue("to"); to != "" {
		mails = slices.DeleteFunc(mails, func(m mailbox.Mail) bool { return !strings.EqualFold(m.To, to) })
	}
	if mails == nil {
		mails = []mailbox.Mail{}
	}
	writeJSON(w, mails)
}

// readMail returns the mail {id}.
func (s *stores) readMail(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	mails := s.mailbox.Mails()
	i := slices.IndexFunc(mails, func(m mailbox.Mail) bool { return m.ID == id })
	if err != nil || i < 0 {
		http.Error(w, "there is no such mail", http.StatusNotFound)
		return
	}
	writeJSON(w, mails[i])
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store") // mails contain tokens
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(v)
}
