package documents_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/documents"
	"function/shared/documents/mongodb"
	"function/shared/fault"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// stores are the implementations, each on a real server.
var stores = map[string]func(*testing.T) documents.Store{
	"PostgreSQL": func(t *testing.T) documents.Store {
		return documents.PostgreSQL{DB: platformtest.New(t).DB(database.Users)}
	},
	"MongoDB": func(t *testing.T) documents.Store {
		store, err := mongodb.Open(platformtest.MongoDB(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		return store
	},
}

func each(t *testing.T, test func(*testing.T, documents.Store)) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func put(t *testing.T, s documents.Store, id uuid.UUID, body []byte) {
	t.Helper()
	if err := s.Put(context.Background(), "things", id, body); err != nil {
		t.Fatal(err)
	}
}

func TestStore_Put_IsReturnedByGet(t *testing.T) {
	each(t, func(t *testing.T, s documents.Store) {
		ctx := context.Background()
		for _, body := range [][]byte{[]byte("first"), {}, {0, 255, 254, 0}, bytes.Repeat([]byte{7}, documents.MaxSize)} {
			id := uuid.New()
			put(t, s, id, body)
			got, err := s.Get(ctx, "things", id)
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d bytes, want %d: %v", len(got), len(body), err)
			}
			if _, err := s.Get(ctx, "others", id); !errors.Is(err, documents.ErrNotFound) {
				t.Errorf("the document of another collection: %v", err)
			}
		}
		if err := s.Put(ctx, "things", uuid.New(), make([]byte, documents.MaxSize+1)); !errors.Is(err, documents.ErrTooLarge) {
			t.Errorf("a document over the bound: %v", err)
		}
	})
}

func TestStore_ConcurrentPuts_OneSucceeds(t *testing.T) {
	each(t, func(t *testing.T, s documents.Store) {
		id := uuid.New()
		won := make(chan string, 8)
		var all sync.WaitGroup
		for i := range cap(won) {
			all.Go(func() {
				body := fmt.Sprint(i)
				switch err := s.Put(context.Background(), "things", id, []byte(body)); {
				case err == nil:
					won <- body
				case !errors.Is(err, documents.ErrExists):
					t.Error(err)
				}
			})
		}
		all.Wait()
		got, err := s.Get(context.Background(), "things", id)
		if err != nil || len(won) != 1 || string(got) != <-won {
			t.Errorf("%d winners, %v", len(won), err)
		}
	})
}

func TestStore_DeletedTwice_IsNoError(t *testing.T) {
	each(t, func(t *testing.T, s documents.Store) {
		id := uuid.New()
		put(t, s, id, []byte("a"))
		for range 2 {
			if err := s.Delete(context.Background(), "things", id); err != nil {
				t.Error(err)
			}
		}
		if _, err := s.Get(context.Background(), "things", id); !errors.Is(err, documents.ErrNotFound) {
			t.Error(err)
		}
		put(t, s, id, []byte("again"))
	})
}

func TestStore_GetAll_ReturnsWhatExists(t *testing.T) {
	each(t, func(t *testing.T, s documents.Store) {
		ctx := context.Background()
		first, second, absent := uuid.New(), uuid.New(), uuid.New()
		put(t, s, first, []byte("first"))
		put(t, s, second, []byte("second"))
		got, err := s.GetAll(ctx, "things", []uuid.UUID{absent, second, first})
		if err != nil || len(got) != 2 || string(got[first]) != "first" || string(got[second]) != "second" {
			t.Errorf("%q, %v", got, err)
		}
		if got, err := s.GetAll(ctx, "none", []uuid.UUID{first}); err != nil || len(got) != 0 {
			t.Errorf("%q of a missing collection, %v", got, err)
		}
	})
}

func TestStore_DroppedTwice_LosesOnlyItsDocuments(t *testing.T) {
	each(t, func(t *testing.T, s documents.Store) {
		ctx := context.Background()
		gone, kept := uuid.New(), uuid.New()
		put(t, s, kept, []byte("kept"))
		if err := s.Put(ctx, "others", gone, []byte("gone")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Drop(ctx, "others"); err != nil {
				t.Error(err)
			}
		}
		if _, err := s.Get(ctx, "others", gone); !errors.Is(err, documents.ErrNotFound) {
			t.Errorf("a dropped document: %v", err)
		}
		if _, err := s.Get(ctx, "things", kept); err != nil {
			t.Errorf("a document of another collection: %v", err)
		}
	})
}

func TestMongoDB_Unreachable_IsUnavailable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	store, err := mongodb.Open("mongodb://" + address + "/test")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	_, err = store.Get(context.Background(), "things", uuid.New())
	if f, ok := fault.As(err); !ok || f.Kind != fault.Unavailable {
		t.Errorf("%v, want a fault of kind Unavailable", err)
	}
}

func TestOpen_BadURL_IsNotQuoted(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"mongodb://user:hunter2@host", "http://user:hunter2@host/db", "mongodb://user:hunter2@host:x/db", ""} {
		if _, err := mongodb.Open(url); err == nil || bytes.Contains([]byte(err.Error()), []byte("hunter2")) {
			t.Errorf("%s: %v", url, err)
		}
	}
}
