package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
)

// Exported is one line of an export. It holds either an entry or a checkpoint: a JWS that was
// signed over the entry before it. An export that does not begin with entry 1 begins with the
// checkpoint before its first entry. Every export ends with a checkpoint.
type Exported struct {
	Entry      *Line  `json:"entry,omitempty"`
	Checkpoint string `json:"checkpoint,omitempty"`
}

// Write writes the line as canonical JSON (RFC 8785).
func (x Exported) Write(w io.Writer) error {
	line, err := canonical(x)
	if err != nil {
		return fmt.Errorf("encode line of export: %w", err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// Finding is one fault in an export.
type Finding struct {
	Line int    // line of the export, from 1
	Seq  int64  // of the entry or checkpoint; 0 if it has none
	What string // a sentence
}

func (f Finding) String() string {
	if f.Seq == 0 {
		return fmt.Sprintf("line %d: %s", f.Line, f.What)
	}
	return fmt.Sprintf("line %d, entry %d: %s", f.Line, f.Seq, f.What)
}

// Report is the result of verifying an export.
type Report struct {
	Trail          Trail
	OrganizationID uuid.UUID
	First, Last    int64 // entry numbers
	Entries        int
	Checkpoints    int       // with valid signatures
	SignedAt       time.Time // of the newest checkpoint
	Findings       []Finding // empty: nothing was changed, removed or added
}

// maxFindings limits the findings in a report.
const maxFindings = 100

// maxLine is the maximum length of an export's line in bytes.
const maxLine = 1 << 20

// Verify checks an export with the platform's public keys. known are checkpoints of the same trail
// that were kept elsewhere: only they reveal that the end of a trail was removed together with its
// checkpoints. An error means that the export could not be read to its end.
func Verify(export io.Reader, keys Keys, known ...string) (Report, error) {
	v := verifier{keys: keys, witnesses: map[int64]Checkpoint{}}
	for _, statement := range known {
		v.witness(statement)
	}
	scanner := bufio.NewScanner(export)
	scanner.Buffer(nil, maxLine)
	for scanner.Scan() {
		v.line++
		v.check(scanner.Bytes())
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		v.line++
		v.find(0, "this line is too long for a line of an export; the rest was not checked")
	} else if scanner.Err() != nil {
		return v.report, fmt.Errorf("read export: %w", scanner.Err())
	}
	v.end()
	return v.report, nil
}

type verifier struct {
	keys      Keys
	witnesses map[int64]Checkpoint // kept elsewhere and not yet reached
	report    Report

	line     int
	seq      int64 // of the previous entry
	hash     Hash  // of the previous entry, as it states
	vouched  bool  // a checkpoint follows the previous entry
	anchored bool  // an entry or an initial checkpoint has been read
}

func (v *verifier) find(seq int64, format string, args ...any) {
	if len(v.report.Findings) < maxFindings {
		v.report.Findings = append(v.report.Findings, Finding{Line: v.line, Seq: seq, What: fmt.Sprintf(format, args...)})
	}
}

func (v *verifier) check(line []byte) {
	var x Exported
	if err := decode(line, &x); err != nil {
		v.find(0, "this is not a line of an export: %v", err)
		return
	}
	if x.Entry != nil {
		v.entry(*x.Entry)
	} else {
		v.checkpoint(x.Checkpoint)
	}
}

// decode accepts a line only in the form in which it was written, so that no unhashed data can hide
// in it.
func decode(line []byte, x *Exported) error {
	form, err := jcs.Transform(line)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(line, x); err != nil {
		return err
	}
	if (x.Entry == nil) == (x.Checkpoint == "") {
		return errors.New("it contains neither an entry nor a checkpoint")
	}
	again, err := canonical(x)
	if err != nil || !bytes.Equal(form, again) {
		return errors.New("it has unknown fields or is not in canonical form")
	}
	return nil
}

func (v *verifier) entry(l Line) {
	v.report.Entries++
	switch {
	case !v.anchored:
		v.begin(l)
	case l.OrganizationID != v.report.OrganizationID:
		v.find(l.Seq, "it belongs to another organization, %s", l.OrganizationID)
		return
	case l.Seq <= v.seq:
		v.find(l.Seq, "it comes after entry %d: out of order or repeated", v.seq)
		return
	case l.Seq > v.seq+1:
		v.find(l.Seq, "entries %d to %d are missing before it", v.seq+1, l.Seq-1)
	case !bytes.Equal(l.PreviousHash, v.hash):
		v.find(l.Seq, "it does not continue from entry %d: one of the two was changed or replaced", v.seq)
	}
	if hash, err := l.chained(l.PreviousHash); err != nil || !bytes.Equal(hash, l.Hash) {
		v.find(l.Seq, "it was changed: its hash does not match its content (identifier %s)", l.ID)
	}
	v.meet(l.Seq, l.Hash)
	v.seq, v.hash, v.vouched = l.Seq, l.Hash, false
	v.report.Last = l.Seq
}

// begin starts an export that has no checkpoint before its first entry.
func (v *verifier) begin(l Line) {
	v.anchored = true
	v.report.OrganizationID, v.report.First = l.OrganizationID, l.Seq
	switch {
	case l.Seq != 1:
		v.find(l.Seq, "entries 1 to %d are missing before it, and no checkpoint covers them", l.Seq-1)
	case !bytes.Equal(l.PreviousHash, origin):
		v.find(l.Seq, "the first entry refers to an earlier one")
	}
}

func (v *verifier) checkpoint(statement string) {
	c, err := v.keys.open(statement)
	if err != nil {
		v.find(0, "this checkpoint is not valid: %v", err)
		return
	}
	v.report.Checkpoints++
	if !v.anchored {
		v.anchored = true
		v.report.Trail, v.report.OrganizationID, v.report.First = c.Trail, c.OrganizationID, c.Seq+1
		v.seq, v.hash, v.vouched = c.Seq, c.Hash, true
		v.report.SignedAt = c.SignedAt()
		v.meet(c.Seq, c.Hash)
		return
	}
	if v.report.Trail == "" {
		v.report.Trail = c.Trail
	}
	switch {
	case c.OrganizationID != v.report.OrganizationID || c.Trail != v.report.Trail:
		v.find(c.Seq, "this checkpoint belongs to another trail: %s of organization %s", c.Trail, c.OrganizationID)
		return
	case c.Seq < v.seq:
		v.find(c.Seq, "this checkpoint comes after entry %d: out of order", v.seq)
		return
	case c.Seq > v.seq:
		v.find(c.Seq, "entries %d to %d are missing before this checkpoint, which covers entry %[2]d", v.seq+1, c.Seq)
		v.seq, v.hash = c.Seq, c.Hash
	case !bytes.Equal(c.Hash, v.hash):
		v.find(c.Seq, "this checkpoint does not match: entry %d, or one since the previous checkpoint, was replaced", c.Seq)
	}
	if c.Restart {
		v.find(c.Seq, "the chain was broken before this entry, where the platform's operator restarted it: entries between it and the previous checkpoint are unverified")
	}
	v.vouched = true
	v.report.SignedAt = c.SignedAt()
}

// witness adds a checkpoint that was kept elsewhere.
func (v *verifier) witness(statement string) {
	c, err := v.keys.open(statement)
	if err != nil {
		v.find(0, "a checkpoint kept elsewhere is not valid: %v", err)
		return
	}
	v.witnesses[c.Seq] = c
}

// meet compares an entry with the checkpoint kept elsewhere, if there is one.
func (v *verifier) meet(seq int64, hash Hash) {
	kept, ok := v.witnesses[seq]
	if !ok || kept.OrganizationID != v.report.OrganizationID {
		return
	}
	delete(v.witnesses, seq)
	if !bytes.Equal(kept.Hash, hash) {
		v.find(seq, "a checkpoint kept elsewhere does not match: this entry or an earlier one was replaced")
	}
}

// end checks that a checkpoint covers the end of the export and that the export reaches every
// checkpoint kept elsewhere.
func (v *verifier) end() {
	if v.anchored && !v.vouched {
		v.find(v.seq, "no checkpoint follows: the end of the export is missing, or entries were added")
	}
	for seq, kept := range v.witnesses {
		switch {
		case v.anchored && kept.OrganizationID != v.report.OrganizationID, v.report.Trail != "" && kept.Trail != v.report.Trail:
			v.find(seq, "a checkpoint kept elsewhere belongs to another trail: %s of organization %s", kept.Trail, kept.OrganizationID)
		case seq > v.seq:
			v.find(seq, "a checkpoint kept elsewhere covers this entry, but the export ends with entry %d", v.seq)
		}
	}
}
