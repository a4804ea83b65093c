package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/domain/mail"
	"github.com/pkiaas/pkiaas/domain/notify"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/rbac"
)

// command opens everything for a command that ends by itself, and closes it.
func command(ctx context.Context, cfg *Config, run func(context.Context, *App) error) error {
	return commandOf(ctx, cfg, func(*App) error { return nil }, run)
}

func commandOf(ctx context.Context, cfg *Config, before func(*App) error, run func(context.Context, *App) error) error {
	a, err := Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer a.keys.Close()
	fill(&a.cfg.BaseURL, "https://"+a.cfg.Listen)
	if err := before(a); err != nil {
		return errors.Join(err, a.store.Close())
	}
	if err := a.wire(); err != nil {
		return errors.Join(err, a.store.Close())
	}
	return errors.Join(run(rbac.WithActor(ctx, rbac.SystemActor()), a), a.store.Close())
}

// note writes an event of the platform.
func (a *App) note(ctx context.Context, action, summary string, details audit.Details) error {
	return a.store.Tx(ctx, func(ctx context.Context) error {
		a.audit.Record(ctx, audit.Event{Action: action, ObjectKind: "keys", ObjectName: "keys", Summary: summary, Details: details})
		return nil
	})
}

// resealPause is longer than a server takes to notice the new key, so that what it sealed with the old one at the last
// moment is found.
const resealPause = 2 * keystore.KEKStale

// RotateKEK replaces the key-encryption key. Interrupted anywhere, it goes on when it is repeated: everything opens with
// either key until the old one is forgotten, which is last.
func RotateKEK(ctx context.Context, cfg *Config, out io.Writer) error {
	return command(ctx, cfg, func(ctx context.Context, a *App) error {
		before := a.kek.ID()
		// A variable that holds several keys was changed by hand: it cannot be from here.
		if err := a.kek.BeginRotation(); err != nil && a.kek.Members() == 1 {
			return err
		}
		target := a.kek.ID()
		if target != before {
			fmt.Fprintf(out, "new key-encryption key %s in front of %s\n", target, before)
		}
		if err := a.note(ctx, "kek.rotate", "began to seal everything with the key-encryption key "+a.kek.ID(), nil); err != nil {
			return err
		}
		for pass, pause := 1, resealPause; ; pass++ {
			n, err := a.reseal(ctx)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "pass %d: %d secrets sealed anew\n", pass, n)
			if pass > 1 && n == 0 {
				break
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause):
			}
		}
		if err := a.kek.EndRotation(target); errors.Is(err, keystore.ErrReadOnly) {
			fmt.Fprintln(out, "everything is sealed with the first key of the variable: take the others away")
		} else if err != nil {
			return err
		}
		fmt.Fprintln(out, "done: the key-encryption key is", a.kek.ID())
		return a.note(ctx, "kek.rotated", "everything is sealed with the key-encryption key "+a.kek.ID(), nil)
	})
}

func (a *App) reseal(ctx context.Context) (int, error) {
	total := 0
	for _, s := range append(keystore.Set{{Name: "server", Store: a.own}}, a.keys...) {
		files, ok := s.Store.(interface {
			Reseal(context.Context) (int, error)
		})
		if !ok {
			continue
		}
		n, err := files.Reseal(ctx)
		if total += n; err != nil {
			return total, err
		}
	}
	for _, c := range slices.Concat(identity.Sealed(), mail.Sealed(), notify.Sealed(), acme.Sealed(), protocolconfig.Sealed()) {
		n, err := c.Reseal(ctx, a.store, a.kek)
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}

// ownStore is the name in backups of the store with the server's own keys, where it is none of those that CAs use.
const ownStore = "(server)"

// backupStores are the stores of CAs, and that of the server's own keys unless it is among them.
func (a *App) backupStores() keystore.Set {
	own := filepath.Join(a.cfg.Data, "keys")
	if slices.ContainsFunc(a.keys, func(n *keystore.Named) bool { return sameFile(strings.TrimPrefix(n.URI, "file:"), own) }) {
		return a.keys
	}
	return append(slices.Clone(a.keys), &keystore.Named{Name: ownStore, Store: a.own})
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	other, otherErr := os.Stat(b)
	return err == nil && otherErr == nil && os.SameFile(one, other)
}

// rootFiles are those of the server's own TLS root, as far as they are there.
func (a *App) rootFiles() (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range []string{tlsRootFile, tlsRootKeyFile} {
		text, err := os.ReadFile(filepath.Join(a.cfg.Data, name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		files[name] = text
	}
	return files, nil
}

// restoreRoot brings the files of the server's own TLS root back, unless it has one, or its key is not here.
func (a *App) restoreRoot(ctx context.Context, files map[string][]byte) (string, error) {
	id, ok := files[tlsRootKeyFile]
	if !ok {
		return "The backup has no TLS root of the server: it makes one.", nil
	}
	if there, err := a.rootFiles(); err != nil || there != nil {
		return "The server has a TLS root already, which stays.", err
	}
	if _, err := a.own.Open(ctx, string(id)); err != nil {
		return "The key of the server's own TLS root was in a store that is not " +
			"" + filepath.Join(a.cfg.Data, "keys") + " here: the server makes a new root.", nil
	}
	// The certificate last: it says that there is a root.
	for _, name := range []string{tlsRootKeyFile, tlsRootFile} {
		if err := os.WriteFile(
			filepath.Join(a.cfg.Data, name), files[name], map[string]fs.FileMode{tlsRootFile: 0o644, tlsRootKeyFile: 0o600}[name],
		); err != nil {
			return "", err
		}
	}
	return "The server's own TLS root is back.", nil
}

// BackupKeys writes an encrypted backup and the shares that open it.
func BackupKeys(ctx context.Context, cfg *Config, file, shareDir string, threshold, shares int, out io.Writer) error {
	return command(ctx, cfg, func(ctx context.Context, a *App) error {
		root, err := a.rootFiles()
		if err != nil {
			return err
		}
		backup, parts, report, err := keystore.Backup(ctx, a.backupStores(), a.kek, root, threshold, shares)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(shareDir, 0o700); err != nil {
			return err
		}
		// Told before it exists: a backup that nobody knows of is a stolen one.
		if err := a.note(ctx, "keys.backup", fmt.Sprintf("backed up %d keys; %d of %d shares open it", report.Keys, threshold, shares),
			audit.Details{"keys": report.Keys, "threshold": threshold, "shares": shares}); err != nil {
			return err
		}
		if err := writeNew(file, backup); err != nil {
			return err
		}
		for n, part := range parts {
			if err := writeNew(filepath.Join(shareDir, fmt.Sprintf("share-%d-of-%d.txt", n+1, shares)), []byte(part+"\n")); err != nil {
				return err
			}
		}
		fmt.Fprintf(
			out,
			"%d keys and the key-encryption key are in %s.\n%d of the %d shares in %s open it: give each to another person and delete "+
				"the files.\n",
			report.Keys, file, threshold, shares, shareDir,
		)
		if root != nil {
			fmt.Fprintln(out, "The server's own TLS root is in it too.")
		} else {
			fmt.Fprintf(out, "%s has no TLS root of the server yet: it is not in the backup.\n", a.cfg.Data)
		}
		for _, name := range report.InTokens {
			fmt.Fprintf(
				out, "Keys that are in the HSM %s are not in the backup, made there or moved there: its maker's tool backs them up.\n",
				name,
			)
		}
		used, err := a.missingKeyStores(ctx)
		if err != nil {
			return err
		}
		for _, name := range used {
			fmt.Fprintf(
				out,
				"WARNING: there are CAs with keys in the key store %s, which was not given with --keystore: those keys are NOT in the "+
					"backup.\n",
				name,
			)
		}
		return nil
	})
}

// writeNew writes a file that is not there yet, for its owner only.
func writeNew(file string, content []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// RestoreKeys brings keys back from a backup.
func RestoreKeys(ctx context.Context, cfg *Config, file string, shareFiles []string, out io.Writer) error {
	backup, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var shares []string
	for _, f := range shareFiles {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		shares = append(shares, string(text))
	}
	return command(ctx, cfg, func(ctx context.Context, a *App) error {
		report, err := keystore.Restore(
			ctx, append(slices.Clone(a.keys), &keystore.Named{Name: ownStore, Store: a.own}), a.kek, backup, shares,
		)
		if err != nil {
			return err
		}
		root, err := a.restoreRoot(ctx, report.Files)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, root)
		fmt.Fprintf(out, "%d keys are back, %d of them were here already.\n", report.Keys, report.Existing)
		return a.note(
			ctx, "keys.restore", fmt.Sprintf("restored %d keys from a backup", report.Keys),
			audit.Details{"keys": report.Keys, "existing": report.Existing},
		)
	})
}
