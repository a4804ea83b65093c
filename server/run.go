package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

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

// CreateOperator makes a platform operator, and says what to do next.
func CreateOperator(ctx context.Context, cfg *Config, email, password string, out io.Writer) error {
	return onDatabase(ctx, cfg, func(ctx context.Context, a *App) error {
		u, err := a.identity.CreateOperator(ctx, email, password)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, `Created the platform operator %s.

Next:
  1. Start the server with "pkiaas serve" and the same settings, unless it is running.
  2. Open %s and sign in with this e-mail address and password.
     The first sign-in asks you to set up a second factor: an authenticator app or a passkey.
  3. Choose Create Subscription. To run the PKI yourself, name your own address as its owner.
  4. Assign the subscription to a region. The Home screen of the new partition leads to the first certificate.
`, u.Email, a.console())
		return err
	})
}

// console is where people open the console. Passkeys need a name, and nobody can open an address without a host.
func (a *App) console() string {
	u, err := url.Parse(a.cfg.BaseURL)
	if err != nil {
		return a.cfg.BaseURL
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "" || ip.IsLoopback() || ip.IsUnspecified() {
		u.Host = strings.TrimSuffix("localhost:"+u.Port(), ":")
	}
	return u.String()
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
		_, err = fmt.Fprintf(
			out,
			"The second factors of %s are removed. At the next sign-in it takes the password and, within 7 days, this code:\n\n  %s\n",
			email, code,
		)
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
