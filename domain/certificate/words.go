package certificate

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/store"
)

// A search looks for words. Issuance notes that a certificate has none yet, and the job WordsJob writes them; until then
// a search reads the certificate itself, so it is found from the moment that it is issued.

// WordsJob writes the words of new certificates; key: "all".
const WordsJob = "certificate.words"

const (
	leastWord = 3   // bytes: what is shorter is not looked for
	mostWord  = 64  // bytes that are looked at
	mostWords = 512 // of a certificate
	// unreadAtOnce bounds a transaction: on SQLite nobody else writes meanwhile.
	unreadAtOnce = 500
)

// separator ends a word: what is neither letter nor digit in ASCII.
func separator(r rune) bool {
	return r < utf8.RuneSelf && !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9')
}

// edge separates the values of a name, and names.
func edge(r rune) bool { return r <= ' ' || strings.ContainsRune(",=+", r) }

// Words are what a certificate is found by: each word of its search text, and behind a dot each value of several words,
// as a whole and from each of its labels on, so that "gate-17.quux.example" is found as that and as "quux.example". A
// serial number has an index of its own.
func Words(text, serial string) []string {
	words, values := map[string]bool{}, map[string]bool{}
	for value := range strings.FieldsFuncSeq(text, edge) {
		if value == serial {
			continue
		}
		for w := range strings.FieldsFuncSeq(value, separator) {
			if len(w) >= leastWord {
				words[shortened(w)] = true
			}
		}
		for value = strings.TrimFunc(value, separator); strings.ContainsFunc(value,
			separator); value = strings.TrimLeftFunc(value, separator) {
			values["."+shortened(value)] = true
			n := strings.IndexAny(value, ".@")
			if n < 0 {
				break
			}
			value = value[n:]
		}
	}
	list := slices.Sorted(maps.Keys(words))
	sorted := slices.Sorted(maps.Keys(values))
	for n, v := range sorted {
		// What begins the next one is found with it.
		if n+1 == len(sorted) || !strings.HasPrefix(sorted[n+1], v) {
			list = append(list, v)
		}
	}
	return list[:min(len(list), mostWords)]
}

// shortened is what is kept of a word.
func shortened(w string) string {
	if len(w) <= mostWord {
		return w
	}
	w = w[:mostWord]
	for !utf8.ValidString(w) {
		w = w[:len(w)-1]
	}
	return w
}

type word struct {
	PartitionID   string
	Word          string
	CertificateID string
}

func (word) TableName() string { return "certificate_words" }

type unread struct {
	CertificateID string
	PartitionID   string
	SearchText    string
	SerialNumber  string
	Marks         string // with blanks between them; "": of a certificate from before
}

func (unread) TableName() string { return "certificates_unread" }

// Create records new certificates, in the transaction of ctx.
func Create(ctx context.Context, s *store.Store, rows []*Certificate) error {
	if err := store.CreateAll(ctx, s, rows); err != nil {
		return err
	}
	notes := make([]*unread, len(rows))
	for n, c := range rows {
		notes[n] = &unread{c.ID, c.PartitionID, c.SearchText, c.SerialNumber, strings.Join(marks(c), " ")}
	}
	return store.CreateAll(ctx, s, notes)
}

// WriteWords is the job WordsJob.
func (s *Service) WriteWords(ctx context.Context, claim *job.Claim) error {
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		n, err := s.writeWords(ctx)
		if err != nil {
			return err
		}
		next := s.Now().Add(3 * time.Second)
		if n == unreadAtOnce {
			next = s.Now()
		}
		claim.Again(next)
		return claim.Done(ctx)
	})
}

// writeWords of the oldest certificates that have none, and returns of how many. Who takes a note away writes the words.
func (s *Service) writeWords(ctx context.Context) (int, error) {
	var notes []unread
	if err := s.Store.DB(ctx).Raw(`DELETE FROM certificates_unread WHERE certificate_id IN
		(SELECT certificate_id FROM certificates_unread ORDER BY certificate_id LIMIT ?) RETURNING
			*`, unreadAtOnce).Scan(&notes).Error; err != nil || len(notes) == 0 {
		return 0, err
	}
	if err := s.markOld(ctx, notes); err != nil {
		return 0, err
	}
	var words []*word
	for _, n := range notes {
		for _, m := range strings.Fields(n.Marks) {
			words = append(words, &word{n.PartitionID, m, n.CertificateID})
		}
		for _, w := range Words(n.SearchText, n.SerialNumber) {
			words = append(words, &word{n.PartitionID, w, n.CertificateID})
		}
	}
	// In the order of the key: neighbours are written together.
	slices.SortFunc(words, func(a, b *word) int {
		if n := strings.Compare(a.PartitionID, b.PartitionID); n != 0 {
			return n
		}
		if n := strings.Compare(a.Word, b.Word); n != 0 {
			return n
		}
		return strings.Compare(a.CertificateID, b.CertificateID)
	})
	return len(notes), store.CreateAll(ctx, s.Store, words)
}

// markOld reads the certificates whose notes have no marks.
func (s *Service) markOld(ctx context.Context, notes []unread) error {
	old := map[string]*unread{}
	for n := range notes {
		if notes[n].Marks == "" {
			old[notes[n].CertificateID] = &notes[n]
		}
	}
	if len(old) == 0 {
		return nil
	}
	var rows []*Certificate
	if err := s.Store.DB(ctx).Select("id", "serial_number", "der").Find(
		&rows, "id IN ?", slices.Collect(maps.Keys(old)),
	).Error; err != nil {
		return err
	}
	for _, c := range rows {
		old[c.ID].Marks = strings.Join(marks(c), " ")
	}
	return nil
}

// settle writes the words of all, for a query that nothing but words can answer.
func (s *Service) settle(ctx context.Context) error {
	for range 100 {
		n := 0
		if err := s.Store.Tx(ctx, func(ctx context.Context) (err error) { n, err = s.writeWords(ctx); return err }); err != nil {
			return err
		}
		if n < unreadAtOnce {
			return nil
		}
	}
	return fault.New(fault.Unavailable, "certificates are being made ready for the search").Do(
		"Try again in some minutes, or narrow the list without a search.",
	)
}
