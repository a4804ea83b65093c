package server

import (
	"context"
	"errors"
	"fmt"
	"io"

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
	return onDatabase(ctx, cfg, func(ctx context.Context, a *App) error {
		_, err := a.identity.CreateOperator(ctx, email, password)
		return err
	})
}

// ResetSecondFactor removes the second factors of an account and prints the code for enrolling a new one.
func ResetSecondFactor(ctx context.Context, cfg *Config, email string, out io.Writer) error {
	return onDatabase(ctx, cfg, func(ctx context.Context, a *App) error {
		id, err := a.identity.FindAccount(ctx, email)
		if err != nil {
			return err
		}
		_, code, err := a.identity.ResetSecondFactor(ctx, id)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "The second factors of %s are removed. At the next sign-in it takes the password and, within 7 days, this code:\n\n  %s\n", email, code)
		return err
	})
}

// onDatabase runs a command on the database, as the system, without listening.
func onDatabase(ctx context.Context, cfg *Config, command func(context.Context, *App) error) error {
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
	return command(rbac.WithActor(ctx, rbac.SystemActor()), a)
}
