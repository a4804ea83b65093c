package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/pkiaas/pkiaas/rbac"
)

// Run serves until ctx ends.
func Run(ctx context.Context, cfg *Config) error {
	if err := forbidDumps(); err != nil {
		return fmt.Errorf("forbidding core dumps: %w", err)
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	if err := awaitDatabase(ctx, cfg); err != nil {
		return err
	}
	a, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	if err := a.Listen(ctx); err != nil {
		return errors.Join(err, a.store.Close())
	}
	return a.Serve(ctx, func() error {
		if cfg.Manifest == "" {
			return nil
		}
		return a.writeManifest(&Manifest{})
	})
}

// Migrate brings the database to this release's version and returns it.
func Migrate(ctx context.Context, cfg *Config) (int64, error) {
	a, err := Open(ctx, cfg)
	if err != nil {
		return 0, err
	}
	version, err := a.store.Migrate(ctx)
	return version, errors.Join(err, a.store.Close())
}

// CreateOperator makes a platform operator.
func CreateOperator(ctx context.Context, cfg *Config, email, password string) error {
	a, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer a.store.Close()
	fill(&a.cfg.BaseURL, "https://"+a.cfg.Listen)
	a.certs = nil
	if err := a.wire(); err != nil {
		return err
	}
	_, err = a.identity.CreateOperator(rbac.WithActor(ctx, rbac.SystemActor()), email, password)
	return err
}
