package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pkiaas/pkiaas/conformance/testbed"
)

const (
	samples = 200
	aim     = 100 * time.Millisecond
	deep    = 1000 // the page that is far down
)

// spaQuery is a query as the console sends it.
func spaQuery(file, name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(testbed.Root(), "frontend", "src", file))
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile("(?s)`(\\s*query " + name + "[( ].*?)`").FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("%s has no query %s", file, name)
	}
	return string(found[1]), nil
}

type browser struct {
	s         *testbed.Server
	partition string
	query     string
}

type certificatePage struct {
	Partition struct {
		Certificates struct {
			TotalCount     int
			TotalIsMinimum bool
			PageInfo       struct {
				HasNextPage bool
				EndCursor   *string
			}
			Nodes []struct{ ID, SerialNumber, CommonName, Status string }
		}
	}
}

// list asks for a page; the first one is counted.
func (b *browser) list(filter map[string]any, sort string, after *string) (*certificatePage, time.Duration, error) {
	var out certificatePage
	begin := time.Now()
	err := b.s.GraphQL(
		b.s.Manifest.GraphQL.Token, b.query,
		map[string]any{"partition": b.partition, "first": 100, "after": after, "filter": filter, "sort": sort, "count": after == nil},
		&out,
	)
	return &out, time.Since(begin), err
}

// measureBrowsing prints a line for each way to look for certificates, and fails when one is too slow.
func measureBrowsing(ctx context.Context, s *testbed.Server, database string, only *regexp.Regexp) error {
	b := &browser{s: s, partition: s.Manifest.Partition.ID}
	var err error
	if b.query, err = spaQuery("components/certificates.tsx", "CertificateList"); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	type known struct{ Serial, Name, Subject string }
	var some []known
	r := rand.New(rand.NewPCG(11, 12))
	for range 400 {
		at := uuid7(time.Now().Add(-time.Duration(r.Float64()*years*365*24*float64(time.Hour))), make([]byte, 16))
		var k known
		if err := conn.QueryRow(
			ctx,
			"SELECT serial_number, common_name, subject FROM certificates WHERE id > $1 AND id < 'g' AND partition_id = $2 ORDER BY id "+
				"LIMIT 1",
			at, b.partition,
		).Scan(&k.Serial, &k.Name, &k.Subject); err != nil {
			return err
		}
		some = append(some, k)
	}
	var cas = map[string]string{}
	rows, err := conn.Query(ctx, "SELECT identifier, id FROM certification_authorities WHERE partition_id = $1", b.partition)
	if err != nil {
		return err
	}
	var identifier, id string
	if _, err := pgx.ForEachRow(rows, []any{&identifier, &id}, func() error { cas[identifier] = id; return nil }); err != nil {
		return err
	}
	large := []string{cas["bench-devices"], cas["bench-servers"], cas["bench-people"]}
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	one := func() known { return some[r.IntN(len(some))] }
	type m = map[string]any
	const newest, expiring = "NEWEST", "EXPIRES_FIRST"
	cases := []struct {
		what, sort string
		filter     func() m
		finds      bool
	}{
		{"first page", newest, func() m { return m{} }, true},
		{"by status", newest, func() m { return m{"status": []string{pick("ISSUED", "SUSPENDED", "REVOKED")}} }, true},
		{"expires within 30 days", newest, func() m { return m{"expiresWithinDays": 1 + r.IntN(30)} }, true},
		{"expired", newest, func() m { return m{"expired": true} }, true},
		{"expired, by status", newest, func() m { return m{"expired": true, "status": []string{pick("ISSUED", "REVOKED")}} }, true},
		{"sorted by expiry", expiring, func() m { return m{} }, true},
		{"sorted by expiry, within 30 days", expiring, func() m { return m{"expiresWithinDays": 1 + r.IntN(30)} }, true},
		{"sorted by expiry, by status", expiring, func() m { return m{"status": []string{pick("ISSUED", "SUSPENDED", "REVOKED")}} }, true},
		{"by CA", newest, func() m {
			return m{"caId": pick(append(large, cas["bench-retired"], cas["bench-small"], cas["issuing-1"])...)}
		}, true},
		{"by profile and CA", newest, func() m {
			p := populations()[r.IntN(5)]
			return m{"caId": cas[p.identifier], "profileId": pick(p.profiles...)}
		}, true},
		{"by profile", newest, func() m { return m{"profileId": pick(populations()[r.IntN(5)].profiles...)} }, true},
		{"search: a name", newest, func() m { return m{"search": one().Name} }, true},
		{"search: the beginning of a name", newest, func() m { n := one().Name; return m{"search": n[:len(n)-2]} }, true},
		{
			"search: a word of one in two", newest,
			func() m { return m{"search": pick("example", "gmbh", "ltd", "www", "device", "berlin", "exam")} }, true,
		},
		{"search: a word of 10,000", newest, func() m { return m{"search": pick(units...)} }, true},
		{"search: an organisation", newest, func() m { return m{"search": pick(makers...)} }, true},
		{"search: a first and a last name", newest, func() m { return m{"search": pick(lasts...) + " " + pick(firsts...)} }, false},
		{"search: three letters", newest, func() m { return m{"search": pick(lasts...)[:3]} }, true},
		{"search: no match", newest, func() m { return m{"search": fmt.Sprintf("qx%08x", r.Uint32())} }, false},
		{"search: a word of 10,000, in a CA", newest, func() m { return m{"search": pick(units...), "caId": pick(large...)} }, true},
		{"search: a word of 10,000, in a state", newest, func() m {
			return m{"search": pick(units...), "status": []string{pick("ISSUED", "SUSPENDED", "REVOKED")}}
		}, false},
		{"search: a frequent word, in a small or old CA", newest, func() m {
			return m{"search": pick("example", "gmbh", "www"), "caId": pick(cas["bench-small"], cas["bench-retired"])}
		}, true},
		{"search: a frequent word, in a state", newest, func() m {
			return m{"search": pick("example", "gmbh", "www"), "status": []string{pick("ISSUED", "SUSPENDED", "REVOKED")}}
		}, true},
		{"serial number", newest, func() m { return m{"search": one().Serial} }, true},
		{"serial number, first 8 to 14 digits", newest, func() m { return m{"search": one().Serial[:8+r.IntN(7)]} }, true},
	}
	var total int64
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM certificates").Scan(&total); err != nil {
		return err
	}
	fmt.Printf("\n| %d certificates, %d requests each | p50 | p95 | longest |\n| --- | --- | --- | --- |\n", total, samples)
	slow := 0
	report := func(what string, times []time.Duration) {
		slices.Sort(times)
		mark := ""
		if times[len(times)*95/100] > aim {
			slow++
			mark = " (too long)"
		}
		fmt.Printf(
			"| %s | %s | %s%s | %s |\n", what, rounded(times[len(times)/2]), rounded(times[len(times)*95/100]), mark,
			rounded(times[len(times)-1]),
		)
	}
	for _, c := range cases {
		if !only.MatchString(c.what) {
			continue
		}
		var times []time.Duration
		for range samples {
			f := c.filter()
			page, took, err := b.list(f, c.sort, nil)
			if err != nil {
				return fmt.Errorf("%s: %v: %w", c.what, f, err)
			}
			if c.finds && len(page.Partition.Certificates.Nodes) == 0 {
				return fmt.Errorf("%s: %v finds nothing", c.what, f)
			}
			times = append(times, took)
		}
		report(c.what, times)
	}
	for _, sort := range []string{newest, expiring} {
		what := map[string]string{newest: "newest first", expiring: "sorted by expiry"}[sort]
		if !only.MatchString(what) {
			continue
		}
		var times []time.Duration
		var after, before *string
		for range deep {
			page, took, err := b.list(map[string]any{}, sort, after)
			if err != nil {
				return err
			}
			times = append(times, took)
			before, after = after, page.Partition.Certificates.PageInfo.EndCursor
		}
		report(fmt.Sprintf("%s: pages 1 to %d, one after another", what, deep), times)
		times = nil
		for range samples {
			_, took, err := b.list(map[string]any{}, sort, before)
			if err != nil {
				return err
			}
			times = append(times, took)
		}
		report(fmt.Sprintf("%s: page %d", what, deep), times)
	}
	if slow > 0 {
		return fmt.Errorf("%d of these have a p95 of more than %s", slow, aim)
	}
	return nil
}

func rounded(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }
