// Package mongodb stores documents in MongoDB. Importing it registers mongodb:// and mongodb+srv://
// URLs with documents.Drivers.
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

// Database stores documents in the collections of a MongoDB database.
type Database struct{ db *mongo.Database }

// The time limit of a call to MongoDB, and the delay before a retry.
const (
	timeout    = 5 * time.Second
	retryAfter = time.Second
)

// Open returns a client of the database at a URL (mongodb://… or mongodb+srv://…). It connects on
// first use.
func Open(url string) (*Database, error) {
	parsed, err := connstring.Parse(url)
	if err != nil || parsed.Database == "" {
		return nil, errors.New("MONGODB_URL is not the URL of a database, such as mongodb://host/database") // the cause may quote a password
	}
	client, err := mongo.Connect(options.Client().ApplyURI(url).
		SetTimeout(timeout).SetServerSelectionTimeout(timeout).SetMaxPoolSize(20).
		SetWriteConcern(writeconcern.Majority())) // acknowledged writes survive a failover
	if err != nil {
		return nil, errors.New("MONGODB_URL does not open a client")
	}
	return &Database{client.Database(parsed.Database)}, nil
}

// Close closes the connections.
func (s *Database) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return s.db.Client().Disconnect(ctx)
}

// stored is a document in MongoDB.
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

// GetAll implements documents.Store.
func (s *Database) GetAll(ctx context.Context, collection string, ids []uuid.UUID) (map[uuid.UUID][]byte, error) {
	names := make(bson.A, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	cursor, err := s.db.Collection(collection).Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: names}}}})
	if err != nil {
		return nil, failed("read", collection, err)
	}
	var all []stored
	if err := cursor.All(ctx, &all); err != nil {
		return nil, failed("read", collection, err)
	}
	found := make(map[uuid.UUID][]byte, len(all))
	for _, d := range all {
		id, err := uuid.Parse(d.ID)
		if err != nil {
			return nil, fmt.Errorf("read document of %s: %w", collection, err)
		}
		found[id] = d.Body
	}
	return found, nil
}

// Delete implements documents.Store.
func (s *Database) Delete(ctx context.Context, collection string, id uuid.UUID) error {
	_, err := s.db.Collection(collection).DeleteOne(ctx, named(id))
	return failed("delete", collection, err)
}

// Drop implements documents.Store.
func (s *Database) Drop(ctx context.Context, collection string) error {
	return failed("delete", collection, s.db.Collection(collection).Drop(ctx))
}

// failed wraps an error, as fault.Unavailable if the server was unreachable.
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
