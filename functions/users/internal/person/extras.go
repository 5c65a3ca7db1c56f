package person

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"

	"function/shared/documents"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/secret"
	"function/shared/uuid7"
)

// ProfileDocuments is the collection in which the free parts of profiles are stored.
const ProfileDocuments = "profiles"

// extrasField is the encryption context of a sealed free part.
const extrasField = "users.profile"

// Extras is the free part of a profile: the fields that only the person fills in.
type Extras struct {
	DisplayName string         `json:"display_name,omitempty" doc:"How others should see the person's name"`
	Locale      string         `json:"locale,omitempty" doc:"Language tag (BCP 47), such as de-CH"`
	TimeZone    string         `json:"time_zone,omitempty" doc:"Name in the IANA time zone database, such as Europe/Zurich"`
	PictureURL  string         `json:"picture_url,omitempty" doc:"https"`
	Preferences map[string]any `json:"preferences" doc:"Settings that applications store for the person"`
	Attributes  map[string]any `json:"attributes" doc:"Anything else about the person"`
}

// Profiles stores the free parts of profiles, sealed with each person's key: in MongoDB, or
// in the domain's own database if MongoDB is not configured. users.profile_document points
// to the current document, so a change takes effect when its transaction commits, in both
// stores.
type Profiles struct{ server documents.Server } // nil: the domain's own database

// OpenProfiles opens the document store.
func OpenProfiles(env *function.Env) (Profiles, error) {
	server, err := env.Documents()
	return Profiles{server}, err
}

// Open unseals a free part. Empty input yields empty Extras.
func (Profiles) Open(key, sealed []byte) (Extras, error) {
	free := Extras{Preferences: map[string]any{}, Attributes: map[string]any{}}
	if sealed == nil {
		return free, nil
	}
	plain, err := secret.Unseal(key, extrasField, sealed)
	if err != nil {
		return free, err
	}
	decoder := json.NewDecoder(bytes.NewBufferString(plain))
	decoder.UseNumber() // a number comes back as it was written
	if err := decoder.Decode(&free); err != nil {
		return free, fmt.Errorf("decode the free part of a profile: %w", err)
	}
	return free, nil
}

// maxReads limits how often a profile that changes during the read is read again.
const maxReads = 3

// Body is the sealed free part of a profile as a query returns it: either the content itself
// or a reference to a document elsewhere, which may be replaced concurrently.
func (p Profiles) Body(ctx context.Context, read func() (body []byte, document *uuid.UUID, err error)) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		body, document, err := read()
		if err != nil || body != nil || document == nil {
			return body, err
		}
		body, err = p.get(ctx, *document)
		switch {
		case errors.Is(err, documents.ErrNotFound) && attempt < maxReads:
			continue // there is a newer one
		case err != nil:
			return nil, fmt.Errorf("read free part of profile: %w", err)
		}
		return body, nil
	}
}

// get reads a document outside of the domain's own database. documents.ErrNotFound means
// that a newer document has replaced it.
func (p Profiles) get(ctx context.Context, id uuid.UUID) ([]byte, error) {
	if p.server == nil {
		return nil, errors.New("the profile is stored in MongoDB, but MONGODB_URL is not configured")
	}
	return p.server.Get(ctx, ProfileDocuments, id)
}

// Put stores a new document within a transaction that will point to it.
func (p Profiles) Put(ctx context.Context, tx *outbox.Tx, key []byte, free Extras) (uuid.UUID, error) {
	plain, err := json.Marshal(free)
	if err != nil {
		return uuid.Nil, fmt.Errorf("encode the free part of a profile: %w", err)
	}
	sealed, err := secret.Seal(key, extrasField, string(plain))
	if err != nil {
		return uuid.Nil, err
	}
	id := uuid7.New()
	return id, p.storeIn(tx).Put(ctx, ProfileDocuments, id, sealed)
}

func (p Profiles) storeIn(tx *outbox.Tx) documents.Store {
	if p.server != nil {
		return p.server
	}
	return documents.PostgreSQL{DB: tx}
}

// DeleteUnreferenced removes a document that is no longer referenced, wherever it is stored. If
// that fails, the document stays behind, sealed and unreferenced.
func (p Profiles) DeleteUnreferenced(ctx context.Context, db documents.Querier, id *uuid.UUID) {
	if id == nil {
		return
	}
	if err := p.Delete(ctx, db, *id); err != nil {
		slog.WarnContext(ctx, "an unreferenced document was left behind", "collection", ProfileDocuments, "id", *id, "error", err)
	}
}

// Delete removes a document, wherever it is stored.
func (p Profiles) Delete(ctx context.Context, db documents.Querier, id uuid.UUID) error {
	err := documents.PostgreSQL{DB: db}.Delete(ctx, ProfileDocuments, id)
	if p.server != nil {
		err = errors.Join(err, p.server.Delete(ctx, ProfileDocuments, id))
	}
	return err
}
