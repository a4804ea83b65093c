package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/pkiaas/pkiaas/conformance/testbed"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// browse measures what the console does with an inventory of many certificates in PostgreSQL.
func browse(rows int64, keep string, only *regexp.Regexp) error {
	ctx := context.Background()
	base := os.Getenv(storetest.PostgresEnv)
	if base == "" {
		return errors.New(storetest.PostgresEnv + " is not set")
	}
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	data, database := keep, ""
	if keep == "" {
		if data, err = os.MkdirTemp("", "pkiaas-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(data)
		var drop func()
		if database, drop, err = storetest.CreatePostgres(); err != nil {
			return err
		}
		defer drop()
	} else {
		u.Path = "/browse"
		database = u.String()
	}
	if _, err := os.Stat(filepath.Join(data, "filled")); err != nil {
		if keep != "" {
			if err := execute(base, "CREATE DATABASE browse"); err != nil {
				return err
			}
		}
		s, err := testbed.Start("demo", data, "--database", database)
		if err != nil {
			return err
		}
		partition := s.Manifest.Partition.ID
		if err := s.Stop(); err != nil {
			return err
		}
		templates, err := templatesOf(database)
		if err != nil {
			return err
		}
		if _, err := fill(ctx, database, partition, rows, templates); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(data, "filled"), nil, 0o600); err != nil {
			return err
		}
	}
	s, err := testbed.Start("demo", data, "--database", database)
	if err != nil {
		return err
	}
	defer func() { _ = s.Stop() }() // measured already
	return measureBrowsing(ctx, s, database, only)
}

func execute(database, statement string) error {
	db, err := sql.Open("pgx", database)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}

// templatesOf are certificates of the demo with an EC and with an RSA key.
func templatesOf(database string) (map[string]template, error) {
	db, err := sql.Open("pgx", database)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	templates := map[string]template{}
	for name, like := range map[string]string{"EC": "ECDSA%", "RSA": "RSA%"} {
		var t template
		var subject string
		err := db.QueryRow(
			"SELECT der, story, subject FROM certificates WHERE kind = 'SUBSCRIBER' AND key_type LIKE $1 AND length(der) < 1500 ORDER "+
				"BY id LIMIT 1",
			like,
		).Scan(&t.DER, &t.Story, &subject)
		if err != nil {
			return nil, err
		}
		t.Story = strings.ReplaceAll(strings.ReplaceAll(t.Story, subject, "{subject}"), strings.TrimPrefix(subject, "CN="), "{san}")
		templates[name] = t
	}
	return templates, nil
}
