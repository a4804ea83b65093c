package server

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// bundle makes a support bundle and reads it.
func bundle(t *testing.T, cfg *Config) map[string]string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "bundle.zip")
	var said bytes.Buffer
	if err := Support(t.Context(), cfg, out, &said); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(said.String(), out) {
		t.Errorf("%v, %v, %q", info, err, said.String())
	}
	z, err := zip.OpenReader(out)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files
}

// TestSupportHasNoSecret puts secrets wherever a setting can hold one, has errors and the log say them, and looks for them in
// the bundle, in every form they could have there.
func TestSupportHasNoSecret(t *testing.T) {
	dir := t.TempDir()
	secrets := []string{}
	secret := func(name string) string {
		s := "s3cret-" + name + "+%/ü"
		secrets = append(secrets, s)
		return s
	}
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("PKIAAS_TEST_KEK", secret("kek"))
	t.Setenv("PKIAAS_TEST_PIN", secret("pin-of-env"))
	// A server that runs, in whose errors and log the secrets stand.
	any := "127.0.0.1:0"
	a, m := inProcessOn(t, "", func(c *Config) { c.ListenAdmin = any })
	cfg := *a.cfg
	cfg.ListenAdmin = a.listeners["admin"].Addr().String()
	cfg.SMTPURL = "smtp://" + url.QueryEscape(
		secret("mail-user"),
	) + ":" + url.QueryEscape(
		secret("mail"),
	) + "@mail.example.com:587?auth=" + url.QueryEscape(
		secret("mail-parameter"),
	)
	cfg.CRLS3, cfg.CRLS3Key = "https://"+url.QueryEscape(
		secret("s3-user"),
	)+":"+url.QueryEscape(
		secret("s3"),
	)+"@s3.example.com/bucket?sig="+url.QueryEscape(
		secret("s3-parameter"),
	), file(
		"s3-key",
		secret("s3-id")+"\n"+secret("s3-key")+"\n",
	)
	cfg.AuditS3, cfg.AuditS3Key = "https://s3.example.com/audit#"+url.QueryEscape(
		secret("fragment"),
	), file(
		"audit-key",
		secret("audit-id")+"\n"+secret("audit-key")+"\n",
	)
	cfg.Keystore = append(
		cfg.Keystore,
		"hsm=pkcs11:token=Production;pin-value="+url.QueryEscape(
			secret("pin"),
		)+"?module-path=/usr/lib/hsm.so&pin-source=file:"+file(
			"pin",
			secret("pin-of-file"),
		)+"&x-unknown="+url.QueryEscape(
			secret("unknown"),
		),
		"second=pkcs11:token=Production?module-path=/usr/lib/hsm.so&pin-source=env:PKIAAS_TEST_PIN",
		"third=pkcs11:token=Production?pin-source="+url.QueryEscape(secret("pin-itself")),
	)
	cfg.KEK = "env:PKIAAS_TEST_KEK"
	before := append([]string{}, secrets...)
	for _, s := range before {
		a.log.Error("it failed", "error", "connecting as "+s)
		if err := a.store.DB(t.Context()).Exec(
			"INSERT INTO jobs (kind, job_key, run_at, generation, arguments, attempts, last_error, lease) VALUES (?, ?, ?, 1, ?, 3, ?, '')",
			"test.secret", s, a.now(), `"`+s+`"`, "cannot sign in with "+s).Error; err != nil {
			t.Fatal(err)
		}
	}
	files := bundle(t, &cfg)
	find := func(files map[string]string, secrets []string) {
		t.Helper()
		for _, s := range secrets {
			quoted, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			for _, form := range []string{
				s, url.QueryEscape(s), url.PathEscape(s), strings.Trim(string(quoted), `"`), base64.StdEncoding.EncodeToString([]byte(s)),
				hex.EncodeToString([]byte(s)),
			} {
				for name, text := range files {
					if strings.Contains(text, form) {
						t.Errorf("%s is in %s", form, name)
					}
				}
			}
		}
	}
	find(files, secrets)
	for name, texts := range map[string][]string{
		"versions.json": {Version, "databaseVersion", "SQLite"},
		"settings.json": {
			`"smtp-url": "smtp://[removed]@mail.example.com:587?auth=[removed]"`, "https://[removed]@s3.example.com/bucket?sig=[removed]",
			`"kek": "env:PKIAAS_TEST_KEK"`, "pkcs11:token=Production;pin-value=[removed]?module-path=/usr/lib/hsm.so",
			`"two-person-roots": false`, `"base-url"`, `"crl-interval": "24h0m0s"`,
		},
		"health.json": {`"database": "answers"`, `"signing_algorithm": "ECDSAP256+SHA256"`, `"ready"`, `"name": "software"`, "crlsHeld"},
		"errors.json": {"test.secret", "cannot sign in with [removed]"},
		"log.txt":     {"it failed", "connecting as [removed]"},
		"metrics.txt": {"pkiaas_jobs_due"},
		"README.txt":  {"secrets are left out"},
	} {
		for _, text := range texts {
			if !strings.Contains(files[name], text) {
				t.Errorf("%s lacks %s:\n%.3000s", name, text, files[name])
			}
		}
	}
	for _, of := range []string{m.GraphQL.Token, m.Operator.Password, m.Users[0].TOTPSecret, m.ACME[0].EABHMACKey} {
		find(files, []string{of})
	}

	// Every setting that is text, one after the other, with a secret in each place that an address has.
	v := reflect.ValueOf(&Config{}).Elem()
	for n := range v.NumField() {
		field := v.Type().Field(n)
		if _, address := addresses[flagOf(field)]; !address {
			continue
		}
		for _, form := range []string{
			"%", "x://u:%@host/", "postgres://u:%@a:1,b:2/db", "postgres://u:a/%@host/db", "postgres://host/db?password=%&sslpassword=%",
			"host=a password=%", "sqlite:x?_key=%", "pkcs11:token=t;pin-value=%", "hsm=pkcs11:token=t?pin-source=%",
			"file:x?y=%", "smtp://%@host", "smtps://u:%@host", "https://h/b?%", "https://h/b#%", "env:NAME?%", "passphrase:x#%",
			"pkcs11:%"} {
			c := &Config{}
			value := strings.ReplaceAll(form, "%", "hidden-value")
			if f := reflect.ValueOf(c).Elem().Field(n); f.Kind() == reflect.Slice {
				f.Set(reflect.ValueOf([]string{value}))
			} else {
				f.SetString(value)
			}
			text, err := json.Marshal(settingsWithoutSecrets(c))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "hidden-value") {
				t.Errorf("%s = %s shows its secret: %s", field.Name, form, text)
			}
		}
	}
}

// TestSupportOfWhatIsOutOfOrder: it is for when nothing else works, and makes nothing.
func TestSupportOfWhatIsOutOfOrder(t *testing.T) {
	data := filepath.Join(t.TempDir(), "not-there")
	base := Config{
		Data:         data,
		Listen:       "127.0.0.1:1",
		ListenPublic: "127.0.0.1:1",
		ListenMTLS:   "127.0.0.1:1",
		ListenAdmin:  "127.0.0.1:1",
		Regions:      []string{"US"},
		CRLInterval:  24 * 3600e9,
	}
	for what, change := range map[string]func(*Config){
		"no such file":                 func(*Config) {},
		"cannot connect":               func(c *Config) { c.Database = "postgres://user:hidden@127.0.0.1:1/db" },
		"between 1s and 72h":           func(c *Config) { c.CRLInterval = 0 },
		"the directory does not exist": func(*Config) {},
	} {
		cfg := base
		change(&cfg)
		files := bundle(t, &cfg)
		if !strings.Contains(files["health.json"], what) || !strings.Contains(files["health.json"], "could not be asked") ||
			strings.Contains(files["health.json"]+files["settings.json"], "hidden") {
			t.Errorf("%s: %s", what, files["health.json"])
		}
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("it made %s: %v", data, err)
	}
	// Nor does it make a database in a directory that is there.
	base.Data = t.TempDir()
	files := bundle(t, &base)
	if made, err := os.ReadDir(base.Data); err != nil || len(made) > 0 || !strings.Contains(files["health.json"], "no such file") {
		t.Errorf("%v %v: %s", made, err, files["health.json"])
	}
}
