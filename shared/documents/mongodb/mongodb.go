// Package mongodb keeps documents in a MongoDB. A program that imports it opens
// mongodb:// and mongodb+srv:// URLs by documents.Drivers.
package mongodb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"function/shared/documents"
	"function/shared/fault"
)

func init() {
	open := func(url string) (documents.Server, error) { return Open(url) }
	documents.Drivers.Register("mongodb", open)
	documents.Drivers.Register("mongodb+srv", open)
}

// Database keeps documents in collections of a MongoDB database.
type Database struct{ db *mongo.Database }

// How long a caller waits for MongoDB, and when to come again.
const (
	timeout    = 5 * time.Second
	retryAfter = time.Second
)

// Open prepares a client of the database that a URL names (mongodb://… or
// mongodb+srv://…). It connects at the first use.
func Open(url string) (*Database, error) {
	parsed, err := connstring.Parse(url)
	if err != nil || parsed.Database == "" {
		return nil, errors.New("MONGODB_URL is not the URL of a database, such as mongodb://host/database") // the cause may quote a password
	}
	client, err := mongo.Connect(options.Client().ApplyURI(url).
		SetTimeout(timeout).SetServerSelectionTimeout(timeout).SetMaxPoolSize(20).
		SetWriteConcern(writeconcern.Majority())) // what is acknowledged outlives a failover
	if err != nil {
		return nil, errors.New("MONGODB_URL does not open a client")
	}
	return &Database{client.Database(parsed.Database)}, nil
}

// Close ends the connections.
func (s *Database) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return s.db.Client().Disconnect(ctx)
}

// stored is a document as MongoDB has it.
type stored struct {
	ID   string `bson:"_id"`
	Body []byte `bson:"body"`
}

func named(id uuid.UUID) bson.D { return bson.D{{Key: "_id", Value: id.String()}} }

// Put implements documents.Store.
func (s *Database) Put(ctx context.Context, collection string, id uuid.UUID, body []byte) error {
	if len(body) > documents.MaxSize {
		return documents.ErrTooLarge
	}
	_, err := s.db.Collection(collection).InsertOne(ctx, stored{id.String(), body})
	if mongo.IsDuplicateKeyError(err) {
		return documents.ErrExists
	}
	return failed("write", collection, err)
}

// Get implements documents.Store.
func (s *Database) Get(ctx context.Context, collection string, id uuid.UUID) ([]byte, error) {
	var d stored
	err := s.db.Collection(collection).FindOne(ctx, named(id)).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, documents.ErrNotFound
	}
	return d.Body, failed("read", collection, err)
}

// Delete implements documents.Store.
func (s *Database) Delete(ctx context.Context, collection string, id uuid.UUID) error {
	_, err := s.db.Collection(collection).DeleteOne(ctx, named(id))
	return failed("delete", collection, err)
}

// failed tells an unreachable server from a statement that went wrong.
func failed(what, collection string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s document of %s: %w", what, collection, err)
	if mongo.IsNetworkError(err) || mongo.IsTimeout(err) {
		return fault.New(fault.Unavailable, "A database cannot be reached right now. Try again later.").After(retryAfter).Because(err)
	}
	return err
}
