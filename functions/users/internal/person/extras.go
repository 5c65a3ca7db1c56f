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

// ProfileDocuments is the collection of the free parts of profiles.
const ProfileDocuments = "profiles"

// freeField is what a sealed free part is bound to.
const freeField = "users.profile"

// Extras is the part of a profile that a person fills in as they like.
type Extras struct {
	DisplayName string         `json:"display_name,omitempty" doc:"How others should see the person's name"`
	Locale      string         `json:"locale,omitempty" doc:"Language tag (BCP 47), such as de-CH"`
	TimeZone    string         `json:"time_zone,omitempty" doc:"Name in the IANA time zone database, such as Europe/Zurich"`
	PictureURL  string         `json:"picture_url,omitempty" doc:"https"`
	Preferences map[string]any `json:"preferences" doc:"Settings that applications store for the person"`
	Attributes  map[string]any `json:"attributes" doc:"Anything else about the person"`
}

// Profiles keeps the free parts, sealed with their people's keys: in MongoDB, or where
// none is configured in the domain's own database. users.profile_document points to
// the one that holds, so a change is the commit of its transaction, in both.
type Profiles struct{ server documents.Server } // nil: the domain's own database

// OpenProfiles opens the documents.
func OpenProfiles(env *function.Env) (Profiles, error) {
	server, err := env.Documents()
	return Profiles{server}, err
}

// Open unseals a free part; no bytes are an empty one.
func (Profiles) Open(key, sealed []byte) (Extras, error) {
	free := Extras{Preferences: map[string]any{}, Attributes: map[string]any{}}
	if sealed == nil {
		return free, nil
	}
	plain, err := secret.Unseal(key, freeField, sealed)
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

// readings is how often a profile is read again that changes while it is read.
const readings = 3

// Body is the free part of a profile, sealed, as read finds it: itself, or where it lies
// elsewhere the document that it is, which somebody may replace meanwhile.
func (p Profiles) Body(ctx context.Context, read func() (body []byte, document *uuid.UUID, err error)) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		body, document, err := read()
		if err != nil || body != nil || document == nil {
			return body, err
		}
		body, err = p.get(ctx, *document)
		switch {
		case errors.Is(err, documents.ErrNotFound) && attempt < readings:
			continue // there is a newer one
		case err != nil:
			return nil, fmt.Errorf("read free part of profile: %w", err)
		}
		return body, nil
	}
}

// get reads a document that is not in the domain's own database. documents.ErrNotFound
// means that a newer one holds by now.
func (p Profiles) get(ctx context.Context, id uuid.UUID) ([]byte, error) {
	if p.server == nil {
		return nil, errors.New("the profile is stored in MongoDB, but MONGODB_URL is not configured")
	}
	return p.server.Get(ctx, ProfileDocuments, id)
}

// Put stores a new document in a transaction that is to point to it.
func (p Profiles) Put(ctx context.Context, tx *outbox.Tx, key []byte, free Extras) (uuid.UUID, error) {
	plain, err := json.Marshal(free)
	if err != nil {
		return uuid.Nil, fmt.Errorf("encode the free part of a profile: %w", err)
	}
	sealed, err := secret.Seal(key, freeField, string(plain))
	if err != nil {
		return uuid.Nil, err
	}
	id := uuid7.New()
	return id, p.within(tx).Put(ctx, ProfileDocuments, id, sealed)
}

func (p Profiles) within(tx *outbox.Tx) documents.Store {
	if p.server != nil {
		return p.server
	}
	return documents.PostgreSQL{DB: tx}
}

// Forget removes a document that nothing points to any more, wherever it is. What
// cannot be removed now stays behind, sealed, and is of no use to anybody.
func (p Profiles) Forget(ctx context.Context, db documents.Querier, id *uuid.UUID) {
	if id == nil {
		return
	}
	if err := p.Delete(ctx, db, *id); err != nil {
		slog.WarnContext(ctx, "an unreferenced document was left behind", "collection", ProfileDocuments, "id", *id, "error", err)
	}
}

// Delete removes a document, wherever it is.
func (p Profiles) Delete(ctx context.Context, db documents.Querier, id uuid.UUID) error {
	err := documents.PostgreSQL{DB: db}.Delete(ctx, ProfileDocuments, id)
	if p.server != nil {
		err = errors.Join(err, p.server.Delete(ctx, ProfileDocuments, id))
	}
	return err
}
