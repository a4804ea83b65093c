package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/pkiaas/pkiaas/pki/keystore"
)

// openKeys opens the key-encryption key and the key stores. Tokens come first: one may protect the key-encryption key.
func (a *App) openKeys(ctx context.Context) error {
	named := map[string]*keystore.Named{}
	var sealer keystore.TokenSealer
	open := func(tokens bool) error {
		for _, spec := range a.cfg.Keystore {
			name, uri := keystore.ParseName(spec)
			if strings.HasPrefix(uri, "pkcs11:") != tokens {
				continue
			}
			store, err := keystore.OpenStore(uri, keystore.Options{KEK: a.kek, Dir: filepath.Join(a.cfg.Data, "wrapped-"+name), Log: a.log})
			if err != nil {
				return fmt.Errorf("--keystore %s: %w", name, err)
			}
			named[name] = &keystore.Named{Name: name, URI: uri, Store: store}
			if s := keystore.Sealer(store); s != nil && sealer == nil {
				sealer = s
			}
		}
		return nil
	}
	if err := open(true); err != nil {
		return err
	}
	var err error
	if err = patiently(ctx, a.log, "opening the key-encryption key", func() (err error) {
		a.kek, err = keystore.OpenKEK(a.cfg.KEK, keystore.KEKHelp{Passphrase: askPassphrase, Token: sealer, MayCreate: a.noKeysYet})
		return err
	}); err != nil {
		return fmt.Errorf("the key-encryption key: %w", err)
	}
	if err := open(false); err != nil {
		return err
	}
	for _, spec := range a.cfg.Keystore {
		name, _ := keystore.ParseName(spec)
		a.keys = append(a.keys, named[name])
	}
	// The internal CA must work while a token is away, so that the console can say so.
	a.own, err = keystore.OpenStore("file:"+filepath.Join(a.cfg.Data, "keys"), keystore.Options{KEK: a.kek})
	return err
}

// noKeysYet refuses to make a new key-encryption key beside keys that were sealed with one: the file is on a volume that is
// not mounted, or lost.
func (a *App) noKeysYet() error {
	dirs := []string{filepath.Join(a.cfg.Data, "keys")}
	for _, spec := range a.cfg.Keystore {
		if _, uri := keystore.ParseName(spec); strings.HasPrefix(uri, "file:") {
			dirs = append(dirs, strings.TrimPrefix(uri, "file:"))
		}
	}
	for _, dir := range dirs {
		if found, _ := filepath.Glob(filepath.Join(dir, "*.json")); len(found) > 0 { // the pattern is not at fault
			return fmt.Errorf("the keys in %s were sealed with it; bring it back, or move them away and restore a backup", dir)
		}
	}
	return nil
}

// askPassphrase asks on the terminal; where there is none, a line of standard input is the passphrase.
func askPassphrase(file string, isNew bool) (string, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", fmt.Errorf("the passphrase of %s is read from standard input, which has none: %w", file, err)
		}
		return checkPassphrase(line, isNew)
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(os.Stderr, prompt)
		typed, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(os.Stderr)
		return string(typed), err
	}
	first, err := ask("Passphrase of the key-encryption key " + file + ": ")
	if err != nil || !isNew {
		return first, err
	}
	second, err := ask("Once more, since it is new: ")
	if err == nil && first != second {
		err = errors.New("the two passphrases differ")
	}
	if err != nil {
		return "", err
	}
	return checkPassphrase(first, isNew)
}

func checkPassphrase(p string, isNew bool) (string, error) {
	if isNew && len(p) < 12 {
		return "", errors.New("a passphrase of at least 12 characters is needed")
	}
	return p, nil
}

// missingKeyStores are those that have keys of CAs or of their delegates and are not configured: nothing can be signed with those keys.
func (a *App) missingKeyStores(ctx context.Context) ([]string, error) {
	used, err := a.cas.KeyStoresInUse(ctx)
	if err != nil {
		return nil, err
	}
	others, err := a.delegates.KeyStoresInUse(ctx)
	used = slices.Concat(used, others)
	slices.Sort(used)
	return slices.DeleteFunc(slices.Compact(used), func(name string) bool {
		_, err := a.keys.ByName(name)
		return err == nil
	}), err
}
