package server

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/store"
)

const supportReadme = `What is in this file, made by pkiaas support:

versions.json   releases of the program, its compiler, the machine and the database
settings.json   the settings; secrets are left out: passwords, what stands in files, parameters that may hold one
health.json     the database, CAs, CRLs that are held back, jobs, key stores, and what the running server says
errors.json     failed jobs, webhooks and operations: the newest 200 of each
log.txt         the newest warnings and errors of the running server
metrics.txt     its metrics

There are no keys, certificates, mails or requests in it. Names of hosts, CAs, people and subjects are: read it before
you give it away.
`

// removed stands where a secret was, or might have been.
const removed = "[removed]"

// Support writes a file that tells somebody who helps how this deployment is, without its secrets. It changes nothing, and
// needs neither a server that runs nor a database that answers: what is out of order is what it is for.
func Support(ctx context.Context, cfg *Config, out string, said io.Writer) error {
	now := store.Now()
	files := map[string]any{"settings.json": settingsWithoutSecrets(cfg)} // before defaults are filled in
	invalid := cfg.Validate()
	health, failures := map[string]any{}, map[string]any{}
	if invalid != nil {
		health["settings"] = invalid.Error()
	}
	versions := map[string]any{
		"pkiaas":        Version,
		"go":            runtime.Version(),
		"platform":      runtime.GOOS + "/" + runtime.GOARCH,
		"made":          now.Format(time.RFC3339),
		"databaseKnown": store.NewestVersion(),
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, s := range build.Settings {
			if strings.HasPrefix(s.Key, "vcs.") {
				versions[s.Key] = s.Value
			}
		}
	}
	if invalid == nil {
		if err := lookAtDatabase(ctx, cfg, versions, health, failures); err != nil {
			health["database"] = err.Error()
		}
		health["keyStores"] = lookAtKeyStores(cfg)
	}
	texts := map[string]string{"README.txt": supportReadme}
	for _, asked := range []struct{ file, path string }{{"ready", "/readyz?strict"}, {"metrics.txt", "/metrics"}, {"log.txt", "/errors"}} {
		text, err := askAdmin(ctx, cfg.ListenAdmin, asked.path)
		if err != nil {
			text = "The running server could not be asked: " + err.Error() + "\n"
		}
		if asked.file == "ready" {
			health["server"] = strings.Split(strings.TrimSpace(text), "\n")
			continue
		}
		texts[asked.file] = text
	}
	files["versions.json"], files["health.json"], files["errors.json"] = versions, health, failures
	for name, content := range files {
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(content); err != nil {
			return err
		}
		texts[name] = text.String()
	}
	if out == "" {
		out = "pkiaas-support-" + now.Format("20060102-150405") + ".zip"
	}
	if err := writeBundle(out, texts, scrubber(cfg), now); err != nil {
		return err
	}
	_, err := fmt.Fprintf(
		said,
		"Wrote %s. Secrets are left out, names of hosts, CAs and people are not: read it before you give it away.\n",
		out,
	)
	return err
}

func writeBundle(out string, texts map[string]string, scrub *strings.Replacer, now time.Time) (err error) {
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			_ = os.Remove(out) // half of it is of no use
		}
	}()
	z := zip.NewWriter(f)
	for _, name := range []string{"README.txt", "versions.json", "settings.json", "health.json", "errors.json", "log.txt", "metrics.txt"} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: now})
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, scrub.Replace(texts[name])); err != nil {
			return err
		}
	}
	return z.Close()
}

// settingsWithoutSecrets are the settings by the names of their flags.
func settingsWithoutSecrets(cfg *Config) map[string]any {
	return settings(cfg, func(name, value string) string { return withoutSecrets(name, value, nil) })
}

// settings walks through the settings; show says what of a text is shown.
func settings(cfg *Config, show func(name, value string) string) map[string]any {
	all := map[string]any{}
	v := reflect.ValueOf(cfg).Elem()
	for n := range v.NumField() {
		name := flagOf(v.Type().Field(n))
		switch value := v.Field(n).Interface().(type) {
		case string:
			all[name] = show(name, value)
		case []string:
			shown := make([]string, len(value))
			for k, one := range value {
				shown[k] = show(name, one)
			}
			all[name] = shown
		case time.Duration:
			all[name] = value.String()
		default:
			all[name] = value
		}
	}
	return all
}

// flagOf is the name of a setting's flag.
func flagOf(field reflect.StructField) string {
	if name := field.Tag.Get("name"); name != "" {
		return name
	}
	return strings.ToLower(wordBorder.ReplaceAllString(field.Name, "$1-$2"))
}

var wordBorder = regexp.MustCompile(`([a-z])([A-Z])`)

// addresses are the settings whose values name a place, and may hold what is needed to get in. Of these only what has one
// of the forms is shown, and of that only what is known to be no secret.
var addresses = map[string]*regexp.Regexp{
	"database":   regexp.MustCompile(`^(sqlite:|postgres://|postgresql://)`),
	"keystore":   regexp.MustCompile(`^([a-z0-9-]{1,18}=)?(file:|pkcs11:)`),
	"kek":        regexp.MustCompile(`^(file|env|passphrase|hsm):`),
	"smtp-url":   regexp.MustCompile(`^smtps?://`),
	"base-url":   regexp.MustCompile(`^https?://`),
	"public-url": regexp.MustCompile(`^https?://`),
	"mtls-url":   regexp.MustCompile(`^https?://`),
	"crl-s3":     regexp.MustCompile(`^https?://`),
	"audit-s3":   regexp.MustCompile(`^https?://`),
}

// harmless are the parameters of addresses that are shown; pin-source only where it is a place.
var harmless = []string{
	"sslmode",
	"target_session_attrs",
	"connect_timeout",
	"application_name",
	"token",
	"serial",
	"manufacturer",
	"model",
	"slot-id",
	"module-path",
	"x-sessions",
	"x-timeout-ms",
}

// withoutSecrets is a setting as it is shown. hide is told what is left out; nil: nobody asks.
func withoutSecrets(name, value string, hide func(string)) string {
	form, ok := addresses[name]
	if !ok || value == "" {
		return value
	}
	leave := func(s string) string {
		if hide != nil {
			hide(s)
		}
		return removed
	}
	if !form.MatchString(value) {
		return leave(value)
	}
	value, fragment, found := strings.Cut(value, "#")
	if found {
		leave(fragment)
	}
	if scheme, rest, found := strings.Cut(value, "://"); found {
		// Up to the last @, wherever it stands: a password may hold anything.
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			user, password, _ := strings.Cut(rest[:at], ":")
			leave(password)
			if name != "database" { // whose users are named as what they are for, in every other word of an error
				leave(user)
			}
			rest = removed + "@" + rest[at+1:]
		}
		value = scheme + "://" + rest
	}
	value, query, asked := strings.Cut(value, "?")
	if before, attributes, found := strings.Cut(value, "pkcs11:"); found {
		value = before + "pkcs11:" + parameters(attributes, ";", leave)
	}
	if asked {
		value += "?" + parameters(query, "&", leave)
	}
	return value
}

func parameters(list, separator string, leave func(string) string) string {
	var shown []string
	for _, p := range strings.Split(list, separator) {
		name, value, found := strings.Cut(p, "=")
		place := name == "pin-source" && (strings.HasPrefix(value, "file:") || strings.HasPrefix(value, "env:"))
		switch {
		case !found:
			p = leave(p)
		case !slices.Contains(harmless, name) && !place:
			p = name + "=" + leave(value)
		}
		shown = append(shown, p)
	}
	return strings.Join(shown, separator)
}

// scrubber takes the secrets of the settings out of a text, should an error or a log have said one.
func scrubber(cfg *Config) *strings.Replacer {
	var secrets []string
	add := func(s string) {
		if s = strings.TrimSpace(s); len(s) < 4 { // it would take words apart, and says nothing
			return
		}
		for _, s := range []string{s, unescaped(s)} {
			quoted, _ := json.Marshal(s) // of a string: never fails
			secrets = append(secrets, s, url.QueryEscape(s), url.PathEscape(s), strings.Trim(string(quoted), `"`))
		}
	}
	read := func(file string) {
		if text, err := os.ReadFile(file); err == nil && len(text) <= 64<<10 {
			for _, word := range strings.Fields(string(text)) {
				add(word)
			}
		}
	}
	place := func(where string) { // file:PATH or env:NAME with a secret
		switch kind, rest, _ := strings.Cut(where, ":"); kind {
		case "file":
			read(rest)
		case "env":
			add(os.Getenv(rest))
		}
	}
	settings(cfg, func(name, value string) string {
		if _, source, found := strings.Cut(value, "pin-source="); found && name == "keystore" {
			source, _, _ = strings.Cut(source, "&")
			place(source)
		}
		return withoutSecrets(name, value, add)
	})
	for _, file := range []string{cfg.CRLS3Key, cfg.AuditS3Key} {
		if file != "" {
			read(file)
		}
	}
	place(cfg.KEK)
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	var pairs []string
	for _, s := range slices.Compact(secrets) {
		pairs = append(pairs, s, removed)
	}
	return strings.NewReplacer(pairs...)
}

func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// askAdmin asks the running server on its admin listener.
func askAdmin(ctx context.Context, listen, path string) (string, error) {
	if listen == "" {
		return "", errors.New("it has no admin listener")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+listen+path, nil)
	if err != nil {
		return "", err
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<20))
	return string(text), err
}

// lookAtDatabase fills in what the database tells, without changing it.
func lookAtDatabase(ctx context.Context, cfg *Config, versions, health, failures map[string]any) error {
	if file, ok := strings.CutPrefix(cfg.Database, "sqlite:"); ok {
		file, _, _ = strings.Cut(strings.TrimPrefix(file, "file:"), "?")
		if _, err := os.Stat(file); err != nil { // opening it would make it
			return err
		}
	}
	s, err := store.Open(cfg.Database)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	db, kind := s.DB(ctx), "SELECT 'SQLite ' || sqlite_version()"
	if s.PostgreSQL() {
		kind = "SELECT version()"
	}
	var text string
	if err := db.Raw(kind).Scan(&text).Error; err != nil {
		return err
	}
	versions["database"] = text
	var version int64
	if err := db.Raw("SELECT COALESCE(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&version).Error; err != nil {
		return err
	}
	versions["databaseVersion"] = version
	health["database"] = "answers"
	if version != store.NewestVersion() {
		health["database"] = "answers, and has another version than this program: the rest may be missing"
	} else if err := s.Probe(ctx); err != nil {
		health["database"] = "answers, and takes no writes: " + err.Error()
	}
	a := &App{cfg: cfg, log: slog.New(slog.DiscardHandler), now: store.Now, store: s}
	if behind, err := a.behind(ctx); err == nil {
		health["clockBehindSeconds"] = behind.Seconds()
	}
	for name, q := range map[string]struct {
		into  map[string]any
		query string
	}{
		"subscriptions": {health, `SELECT tier, count(*) AS number, sum(purchased_certificates) AS purchased
			FROM subscriptions GROUP BY tier ORDER BY tier`},
		"partitions": {health, `SELECT count(*) AS number, sum(active_certificates) AS active_certificates, sum(active_cas) AS active_cas
			FROM partitions`},
		"certificationAuthorities": {health, `SELECT type, status, signing_algorithm, key_store, count(*) AS number
			FROM certification_authorities WHERE purged_at IS NULL GROUP BY type, status, signing_algorithm, key_store ORDER BY 1, 2, 3,
				4`},
		"crlsHeld": {health, `SELECT partition_id, identifier, crl_alarm AS reason, crl_alarm_at AS since
			FROM certification_authorities WHERE crl_alarm <> '' AND purged_at IS NULL ORDER BY 1, 2 LIMIT 200`},
		"jobs": {
			health, `SELECT kind, count(*) AS number, min(run_at) AS first, sum(CASE WHEN last_error <> '' THEN 1 ELSE 0 END) AS failing
			FROM jobs GROUP BY kind ORDER BY kind`},
		"mailsNotSent": {health, "SELECT count(*) AS number, min(created_at) AS first FROM mails WHERE sent_at IS NULL"},
		"failingJobs": {failures, `SELECT kind, job_key, run_at, attempts, last_error
			FROM jobs WHERE last_error <> '' ORDER BY run_at DESC LIMIT 200`},
		"failingWebhooks": {failures, `SELECT partition_id, name, last_success_at, last_error
			FROM webhooks WHERE last_error <> '' ORDER BY 1, 2 LIMIT 200`},
		"failedOperations": {failures, `SELECT time, partition_id, action, object_kind, object_name, summary, request_id
			FROM audit_events WHERE result = 'FAILED' ORDER BY time DESC LIMIT 200`},
		"failedAuthorities": {failures, `SELECT partition_id, identifier, creation_failure, renewal_failure
			FROM certification_authorities WHERE (creation_failure <> '' OR renewal_failure <> '') AND purged_at IS NULL ORDER BY 1, 2 LIMIT
				200`},
	} {
		rows := []map[string]any{}
		if err := db.Raw(q.query).Scan(&rows).Error; err != nil {
			q.into[name] = "cannot be read: " + err.Error()
			continue
		}
		q.into[name] = rows
	}
	return nil
}

// lookAtKeyStores tells what can be seen of the key stores without opening them: a PIN is not tried for this. What the
// running server finds is in its answer.
func lookAtKeyStores(cfg *Config) []map[string]any {
	var list []map[string]any
	for _, spec := range cfg.Keystore {
		name, uri := keystore.ParseName(spec)
		seen := map[string]any{"name": name}
		if dir, ok := strings.CutPrefix(uri, "file:"); ok {
			entries, err := os.ReadDir(dir)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				seen["problem"] = "the directory does not exist"
			case err != nil:
				seen["problem"] = err.Error()
			}
			seen["keys"] = len(slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return filepath.Ext(e.Name()) != ".json" }))
		} else {
			seen["kind"] = "PKCS #11"
		}
		list = append(list, seen)
	}
	return list
}
