package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"function/shared/postgres"
)

// site is a data directory with the platform that runs on it, if any, and a user.
type site struct {
	data     string
	platform *platform
	user     *client
}

// running starts the platform unless it is running.
func (s *site) running(ctx context.Context) error {
	if s.platform != nil {
		return nil
	}
	p, err := startPlatform(ctx, s.data)
	if err != nil {
		return err
	}
	s.platform = p
	if s.user != nil {
		s.user.url = p.url
		return s.user.login(ctx)
	}
	s.user, err = register(ctx, p.url)
	return err
}

// stopPlatform stops the platform if it is running.
func (s *site) stopPlatform() error {
	if s.platform == nil {
		return nil
	}
	p := s.platform
	s.platform = nil
	_, err := p.stop()
	return err
}

// startPostgres starts the platform's PostgreSQL. The platform must not be running.
func (s *site) startPostgres(ctx context.Context) (*postgres.Server, error) {
	return postgres.Start(ctx, postgres.Options{Dir: filepath.Join(s.data, "postgres"), Durable: true})
}

// offline uses the platform's PostgreSQL while the platform is stopped.
func (s *site) offline(ctx context.Context, use func(*postgres.Server) error) error {
	server, err := s.startPostgres(ctx)
	if err != nil {
		return err
	}
	return errors.Join(use(server), server.Stop(context.WithoutCancel(ctx)))
}

// keys are the keys that the platform has generated.
type keys struct {
	KeyEncryptionKey string `json:"key_encryption_key"`
	BlindIndexKey    string `json:"blind_index_key"`
}

func (s *site) keys() (k keys, err error) {
	content, err := os.ReadFile(filepath.Join(s.data, "keys.json"))
	if err != nil {
		return k, err
	}
	return k, json.Unmarshal(content, &k)
}
