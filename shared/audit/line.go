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

// Line is an entry as read from the trail.
//
// A sealed line is chained to the line before it: hash is SHA-256 over the bytes of previous_hash
// followed by the canonical form (RFC 8785, JCS) of the line without previous_hash and hash. The
// previous_hash of the first line is 32 zero bytes. Numbers in detail must be exact as doubles.
type Line struct {
	ID             uuid.UUID       `json:"id" format:"uuid"`
	OrganizationID uuid.UUID       `json:"organization_id" format:"uuid"`
	Seq            int64           `json:"seq,omitempty" doc:"Sequence number from 1, without gaps; absent: not sealed yet"`
	At             time.Time       `json:"at"`
	ActorKind      string          `json:"actor_kind" enum:"person,service_account,platform,nobody"`
	ActorID        uuid.UUID       `json:"actor_id" format:"uuid" doc:"Nil UUID: the platform or an unknown caller"`
	ImpersonatorID *uuid.UUID      `json:"impersonator_id,omitempty" format:"uuid" doc:"The platform admin acting as the actor"`
	Action         string          `json:"action" doc:"resource:verb" example:"members:approve"`
	ResourceID     string          `json:"resource_id" doc:"Identifier of the affected resource"`
	Result         string          `json:"result" enum:"done,refused"`
	Reason         string          `json:"reason" doc:"Reason for the refusal"`
	Network        string          `json:"network" doc:"Network of the caller, /24 or /48"`
	TraceID        string          `json:"trace_id"`
	Detail         json.RawMessage `json:"detail" doc:"Identifiers and settings of the action"`
	PreviousHash   Hash            `json:"previous_hash,omitempty" doc:"SHA-256, hexadecimal"`
	Hash           Hash            `json:"hash,omitempty" doc:"SHA-256, hexadecimal"`
}

// Columns selects the fields of a Line from the table audit_entries.
const Columns = `id, organization_id, coalesce(seq, 0) AS seq, at, actor_kind, actor_id, impersonator_id, action, resource_id, result, reason,
       network, trace_id, detail, coalesce(previous_hash, '') AS previous_hash, coalesce(hash, '') AS hash`

// Hash is a SHA-256 hash, encoded as hexadecimal text.
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

// origin is the previous_hash of the first line.
var origin = make(Hash, sha256.Size)

// chained returns the hash of the line as the successor of previous.
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

// canonical returns the RFC 8785 form of a value's JSON.
func canonical(v any) ([]byte, error) {
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jcs.Transform(encoded)
}
