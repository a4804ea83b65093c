package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pkiaas/pkiaas/domain/certificate"
)

// dataset is a database of generated certificates: names, dates, states and bytes vary as they do in an inventory of
// years. What a row holds, and how long it is, is taken from what the demo issued.
type dataset struct {
	partition, other string // 95 % of the rows, and 5 %
	cas              map[string]string
	rows             int64
}

// population is a CA of the data set: its share of the rows (of the partition that it is in), what it issues, and
// which part of the four years.
type population struct {
	identifier string
	other      bool
	share      float64
	name       func(r *rand.Rand) holder
	profiles   []string
	from, to   float64
	id         string
}

type holder struct {
	subject, commonName string
	sans                []string
}

const years = 4

var (
	syllables = strings.Fields(
		"al an ar ba be bo ca co da de do el en er fa fi ga go ha he in ka ke la le li lo ma me mi mo na ne no or pa pe po ra re ri ro " +
			"sa se si so ta te ti to tra tri ul va ve vi vo wa we zi zo",
	)
	firsts    = words(rand.New(rand.NewPCG(1, 1)), 400, 2, 2)
	lasts     = words(rand.New(rand.NewPCG(2, 2)), 4000, 2, 3)
	makers    = words(rand.New(rand.NewPCG(3, 3)), 5000, 3, 3) // organisations; a few are large
	units     = words(rand.New(rand.NewPCG(4, 4)), 950, 4, 4)  // about 10,000 certificates each
	legal     = []string{"GmbH", "AG", "Ltd", "Inc", "SA", "BV", "Oy", "AB"}
	services  = strings.Fields("www api mail vpn db cache auth ldap proxy edge node build git wiki chat files")
	countries = strings.Fields("DE US GB FR NL SE FI CH AT PL ES IT CA JP")
	towns     = strings.Fields("Berlin Hamburg London Paris Utrecht Lund Espoo Basel Graz Lodz Bilbao Turin Toronto Osaka")
)

// words makes n different words.
func words(r *rand.Rand, n, least, most int) []string {
	var list []string
	seen := map[string]bool{}
	for len(list) < n {
		w := ""
		for range least + r.IntN(most-least+1) {
			w += syllables[r.IntN(len(syllables))]
		}
		if !seen[w] {
			seen[w] = true
			list = append(list, w)
		}
	}
	return list
}

func title(w string) string { return strings.ToUpper(w[:1]) + w[1:] }

// skewed draws one of n, the first ones much more often.
func skewed(r *rand.Rand, n int) int { x := r.Float64(); return int(x * x * x * float64(n)) }

func organisation(r *rand.Rand) (domain, rest string) {
	n, p := skewed(r, len(makers)), r.IntN(len(towns))
	return makers[n] + ".example", ",OU=" + title(units[r.IntN(len(units))]) + ",O=" + title(makers[n]) + " " + legal[n%len(legal)] +
		",L=" + towns[p] + ",C=" + countries[p]
}

func serverName(r *rand.Rand) holder {
	domain, rest := organisation(r)
	host := fmt.Sprintf("%s-%03d.%s", services[r.IntN(len(services))], r.IntN(1000), domain)
	return holder{"CN=" + host + rest, host, []string{host, "www." + domain}}
}

func deviceName(r *rand.Rand) holder {
	domain, rest := organisation(r)
	device := fmt.Sprintf("device-%08x", r.Uint32())
	return holder{"CN=" + device + rest, device, []string{device + "." + domain}}
}

func personName(r *rand.Rand) holder {
	domain, rest := organisation(r)
	first, last := firsts[skewed(r, len(firsts))], lasts[skewed(r, len(lasts))]
	mail := first + "." + last + "@" + domain
	return holder{"CN=" + title(first) + " " + title(last) + rest, title(first) + " " + title(last), []string{mail}}
}

func populations() []*population {
	return []*population{
		{
			identifier: "bench-devices", share: 0.45, name: deviceName,
			profiles: []string{"mdmws-digital-signature", "scep-digital-signature"}, to: 1,
		},
		{
			identifier: "bench-servers", share: 0.30, name: serverName,
			profiles: []string{"privatessl-tls-server", "privatessl-tls-client-server", "multiuse-client-server"}, to: 1,
		},
		{
			identifier: "bench-people", share: 0.20, name: personName,
			profiles: []string{"smime-p12-key-encipherment", "smartcard-digital-signature"}, to: 1,
		},
		{identifier: "bench-retired", share: 0.0498, name: serverName, profiles: []string{"privatessl-tls-server"}, to: 0.4},
		{identifier: "bench-small", share: 0.0002, name: serverName, profiles: []string{"privatessl-tls-server"}, to: 1},
		{identifier: "bench-other", other: true, share: 1, name: serverName, profiles: []string{"privatessl-tls-server"}, to: 1},
	}
}

// fill makes the rows. The tables are those of the migrations: indexes and constraints are taken off the empty table
// and put back as they were.
func fill(ctx context.Context, url, partition string, rows int64, templates map[string]template) (*dataset, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	d := &dataset{partition: partition, other: "sub00000bench", cas: map[string]string{}, rows: rows}
	people := populations()
	if err := d.authorities(ctx, pool, people); err != nil {
		return nil, err
	}
	before, err := definitions(ctx, pool)
	if err != nil {
		return nil, err
	}
	for _, o := range before {
		if _, err := pool.Exec(ctx, o.drop); err != nil {
			return nil, err
		}
	}
	begin := time.Now()
	if err := d.copyRows(ctx, pool, people, templates); err != nil {
		return nil, err
	}
	fmt.Printf("%d rows in %.0f s\n", rows, time.Since(begin).Seconds())
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	for _, s := range []string{"SET maintenance_work_mem = '2GB'", "SET max_parallel_maintenance_workers = 2"} {
		if _, err := conn.Exec(ctx, s); err != nil {
			return nil, err
		}
	}
	for _, o := range before {
		begin := time.Now()
		if _, err := conn.Exec(ctx, o.create); err != nil {
			return nil, fmt.Errorf("%s: %w", o.create, err)
		}
		fmt.Printf("%4.0f s %s\n", time.Since(begin).Seconds(), o.create)
	}
	after, err := definitions(ctx, pool)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(before, after) {
		return nil, fmt.Errorf("the schema is not that of the migrations any more:\n%v\n%v", before, after)
	}
	for _, s := range []string{
		"UPDATE partitions SET active_certificates = (SELECT count(*) FROM certificates WHERE partition_id = partitions.id AND counted)",
		"UPDATE subscriptions SET tier = 'UNLIMITED', tier_set = true, purchased_certificates = 20000000",
		"VACUUM (ANALYZE) certificates", "VACUUM (ANALYZE) certificate_words", "CHECKPOINT",
	} {
		if _, err := conn.Exec(ctx, s); err != nil {
			return nil, err
		}
	}
	return d, nil
}

type definition struct{ drop, create string }

// definitions are the indexes and constraints of the table, in an order in which they can be dropped and made.
func definitions(ctx context.Context, pool *pgxpool.Pool) ([]definition, error) {
	rows, err := pool.Query(ctx, `
		SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || conname, 'ALTER TABLE ' || conrelid::regclass ||
			' ADD CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid)
		FROM pg_constraint WHERE conrelid IN ('certificates'::regclass, 'certificate_words'::regclass) AND contype IN ('p', 'u')
		UNION ALL SELECT 'DROP INDEX ' || indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index
		WHERE indrelid = 'certificates'::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid) ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (d definition, err error) { return d, r.Scan(&d.drop, &d.create) })
}

// authorities makes the CAs of the data set: copies of one of the demo, which publish nothing.
func (d *dataset) authorities(ctx context.Context, pool *pgxpool.Pool, people []*population) error {
	for _, s := range []string{
		`INSERT INTO subscriptions SELECT (jsonb_populate_record(s, '{"id": "00000000000000000000beef", "name": "bench"}')).* FROM
			subscriptions s JOIN partitions p ON p.subscription_id = s.id WHERE p.id = $1 AND $2 <> ''`,
		`INSERT INTO partitions SELECT (jsonb_populate_record(p, jsonb_build_object('id', $2::text, 'subscription_id',
			'00000000000000000000beef', 'name', 'bench'))).* FROM partitions p WHERE id = $1`,
	} {
		if _, err := pool.Exec(ctx, s, d.partition, d.other); err != nil {
			return err
		}
	}
	for n, p := range people {
		p.id = fmt.Sprintf("01900000-0000-7000-8000-%012d", n)
		d.cas[p.identifier] = p.id
		partition := d.partition
		if p.other {
			partition = d.other
		}
		_, err := pool.Exec(
			ctx,
			`INSERT INTO certification_authorities SELECT (jsonb_populate_record(c, jsonb_build_object('id', $1::text, 'identifier',
				$2::text, 'friendly_name', $2::text, 'partition_id', $3::text,
			'crl_enabled', false, 'ocsp_enabled', false))).* FROM certification_authorities c WHERE c.partition_id = $4 AND c.identifier =
				'issuing-1'`, p.id, p.identifier, partition, d.partition)
		if err != nil {
			return err
		}
	}
	return nil
}

// template is a certificate that the demo issued.
type template struct {
	DER   []byte
	Story string
}

const chunk = 20_000

var columns = strings.Fields(
	"id partition_id ca_id serial_number kind profile_id subject common_name search_text status not_before not_after der requested_by " +
		"created_at counted revoked_at revocation_reason story key_generation public_key_sha256 key_type signature_algorithm source",
)

// copyRows writes all rows, oldest first but for what two connections do at once.
func (d *dataset) copyRows(ctx context.Context, pool *pgxpool.Pool, people []*population, templates map[string]template) error {
	now := time.Now().UTC().Truncate(time.Second)
	chunks := make(chan int64)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failure error
	for range 2 {
		wg.Go(func() {
			for first := range chunks {
				if err := d.copyChunk(ctx, pool, people, templates, now, first, min(chunk, d.rows-first)); err != nil {
					mu.Lock()
					failure = err
					mu.Unlock()
				}
			}
		})
	}
	for first := int64(0); first < d.rows; first += chunk {
		chunks <- first
	}
	close(chunks)
	wg.Wait()
	return failure
}

func (d *dataset) copyChunk(
	ctx context.Context, pool *pgxpool.Pool, people []*population, templates map[string]template, now time.Time, first, n int64,
) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	// No look-up of partition and CA for each row: they are there.
	if _, err := conn.Exec(ctx, "SET session_replication_role = replica; SET synchronous_commit = off"); err != nil {
		return err
	}
	r, done := rand.New(rand.NewPCG(7, uint64(first))), int64(0)
	var words [][]any
	_, err = conn.CopyFrom(ctx, pgx.Identifier{"certificates"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		if done == n {
			return nil, nil
		}
		done++
		row := d.row(r, people, templates, now, float64(first+done)/float64(d.rows))
		// As the job certificate.words writes them.
		for _, w := range certificate.Words(row[8].(string), row[3].(string)) {
			words = append(words, []any{row[1], w, [16]byte(uuid.MustParse(row[0].(string)))})
		}
		return row, nil
	}))
	if err != nil {
		return err
	}
	_, err = conn.CopyFrom(
		ctx, pgx.Identifier{"certificate_words"}, []string{"partition_id", "word", "certificate_id"}, pgx.CopyFromRows(words),
	)
	return err
}

// row makes the certificate that was issued at this part of the years.
func (d *dataset) row(r *rand.Rand, people []*population, templates map[string]template, now time.Time, at float64) []any {
	created := now.Add(-time.Duration((1 - at) * years * 365 * 24 * float64(time.Hour))).Add(-time.Minute)
	p := people[5]
	if r.Float64() < 0.95 {
		for {
			x := r.Float64()
			for _, p = range people[:5] {
				if x -= p.share; x < 0 {
					break
				}
			}
			if at <= p.to {
				break
			}
		}
	}
	partition := d.partition
	if p.other {
		partition = d.other
	}
	h, profile := p.name(r), p.profiles[r.IntN(len(p.profiles))]
	kind := "EC"
	keyType, signature := "ECDSA P-256", "ecdsa-with-SHA256"
	if r.Float64() < 0.3 {
		kind, keyType, signature = "RSA", "RSA 2048", "sha256WithRSAEncryption"
	}
	days := []int{90, 365, 365, 730, 1095}[r.IntN(5)]
	notAfter := created.AddDate(0, 0, days)
	status, reason := "ISSUED", int64(0)
	var revoked *time.Time
	switch x := r.Float64(); {
	case x < 0.05:
		end := notAfter
		if end.After(now) {
			end = now
		}
		t := created.Add(time.Duration(r.Float64() * float64(end.Sub(created)))).Truncate(time.Microsecond)
		status, revoked, reason = "REVOKED", &t, []int64{0, 1, 4, 5}[r.IntN(4)]
	case x < 0.051 && notAfter.After(now):
		status, revoked, reason = "SUSPENDED", &created, 6
	}
	var random [256]byte
	for n := 0; n < len(random); n += 8 {
		binary.LittleEndian.PutUint64(random[n:], r.Uint64())
	}
	random[0] &= 0x7f
	serial := hex.EncodeToString(random[:16])
	t := templates[kind]
	der := slices.Clone(t.DER)
	copy(der[15:], random[:16])                                      // serial number
	copy(der[len(der)-64:], random[16:80])                           // the end of the signature
	copy(der[len(der)/3:len(der)/3+len(random[80:])/2], random[80:]) // key and identifiers
	key := sha256.Sum256(random[:])
	story := strings.ReplaceAll(t.Story, "{subject}", h.subject)
	story = strings.ReplaceAll(story, "{san}", h.sans[0])
	search := strings.ToLower(strings.Join(append([]string{h.subject, serial}, h.sans...), " "))
	return []any{
		uuid7(created, random[240:]), partition, p.id, serial, "SUBSCRIBER", profile, h.subject, h.commonName, search, status,
		created.Add(-time.Minute), notAfter, der,
		"enrolment@demo.pkiaas.example", created, status != "REVOKED" &&
			notAfter.After(now), revoked, reason, story, int64(1), hex.EncodeToString(key[:]), keyType, signature, "api"}
}

// uuid7 is an id as the product makes them (RFC 9562 5.7), of an instant.
func uuid7(at time.Time, random []byte) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(at.UnixMilli())<<16)
	copy(b[6:], random[:10])
	b[6], b[8] = 0x70|b[6]&0x0f, 0x80|b[8]&0x3f
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
