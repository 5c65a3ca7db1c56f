package elastic_test

import (
	"context"
	"os"
	"testing"

	"github.com/google/uuid"

	"function/shared/search/elastic"
	"function/shared/search/searchtest"
)

// server returns the URL of a real Elasticsearch or OpenSearch.
func server(t *testing.T) string {
	t.Helper()
	url := os.Getenv("TEST_SEARCH_URL")
	if url == "" {
		t.Skip("TEST_SEARCH_URL is not set: set it to the URL of an empty Elasticsearch or OpenSearch")
	}
	return url
}

// create returns an empty index.
func create(t *testing.T) elastic.Index {
	t.Helper()
	index, err := elastic.Open(server(t), "test-"+uuid.NewString())
	if err != nil {
		t.Fatal(err)
	}
	if err := index.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := index.Drop(context.Background()); err != nil {
			t.Log(err)
		}
	})
	return index
}

func TestIndex(t *testing.T) {
	t.Parallel()
	searchtest.Run(t, create(t))
}
