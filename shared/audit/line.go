package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
)

// Line is an entry as it is read: a line of the trail.
//
// A sealed line is chained to the one before it: hash is SHA-256 over the bytes of
// previous_hash and then the line's canonical form, which is the line itself without
// previous_hash and hash, as RFC 8785 (JCS) writes it. The first line's
// previous_hash is 32 zero bytes. Numbers in detail are those that a double holds.
type Line struct {
	ID             uuid.UUID       `json:"id" format:"uuid"`
	OrganizationID uuid.UUID       `json:"organization_id" format:"uuid"`
	Seq            int64           `json:"seq,omitempty" doc:"Sequence number from 1, without gaps; absent: not sealed yet"`
	At             time.Time       `json:"at"`
	ActorKind      string          `json:"actor_kind" enum:"person,service_account,platform,nobody"`
	ActorID        uuid.UUID       `json:"actor_id" format:"uuid" doc:"Nil UUID: the platform or an unknown caller"`
	ImpersonatorID *uuid.UUID      `json:"impersonator_id,omitempty" format:"uuid" doc:"The platform admin acting as the actor"`
	Action         string          `json:"action" doc:"resource:verb" example:"members:approve"`
	ResourceID     string          `json:"resource_id" doc:"Identifier of what it was done to"`
	Result         string          `json:"result" enum:"done,refused"`
	Reason         string          `json:"reason" doc:"Why it was refused"`
	Network        string          `json:"network" doc:"Network of the caller, /24 or /48"`
	TraceID        string          `json:"trace_id"`
	Detail         json.RawMessage `json:"detail" doc:"Identifiers and settings of the action"`
	PreviousHash   Hash            `json:"previous_hash,omitempty" doc:"SHA-256, hexadecimal"`
	Hash           Hash            `json:"hash,omitempty" doc:"SHA-256, hexadecimal"`
}

// Columns are those of a Line, in the table audit_entries.
const Columns = `id, organization_id, coalesce(seq, 0) AS seq, at, actor_kind, actor_id, impersonator_id, action, resource_id, result, reason,
       network, trace_id, detail, coalesce(previous_hash, '') AS previous_hash, coalesce(hash, '') AS hash`

// Hash is a SHA-256, in hexadecimal where it is text.
type Hash []byte

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	if err == nil && len(*h) != sha256.Size {
		err = fmt.Errorf("a hash of %d bytes, want %d", len(*h), sha256.Size)
	}
	return err
}

// origin comes before the first line.
var origin = make(Hash, sha256.Size)

// chained is the hash of the line as the follower of previous.
func (l Line) chained(previous Hash) (Hash, error) {
	l.PreviousHash, l.Hash = nil, nil
	form, err := canonical(l)
	if err != nil {
		return nil, fmt.Errorf("canonical form of audit entry %s: %w", l.ID, err)
	}
	sum := sha256.New()
	sum.Write(previous)
	sum.Write(form)
	return sum.Sum(nil), nil
}

// canonical is RFC 8785's form of what JSON makes of a value.
func canonical(v any) ([]byte, error) {
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(encoded)
}
