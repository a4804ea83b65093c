package certificate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pkiaas/pkiaas/domain/fault"
)

// part of a search begins a word of a certificate (see Words).
type part struct {
	text  string // as it stands in certificate_words
	whole string // the word that text begins with: all of it, or what stands before its first separator; "": too short
	// words that text begins, if few enough; else nil.
	words []string
	// ids of all that have one of them, newest first, if few enough.
	ids    []string
	narrow bool
}

// search is a parsed text to search for. Its parts are between spaces; a part of several words ("srv-1.example") stands
// as it is. A serial number is found by its first digits.
type search struct {
	parts   []*part  // empty where the text can only be a serial number or fingerprint
	serials []string // that a serial number begins with
	quoted  Quoted
	ids     []string // of those that it means by the end of the serial number or by fingerprint
}

// search parses a text, and finds what it means by itself.
func (s *Service) search(ctx context.Context, partitionID, text string) (*search, error) {
	q, err := parseSearch(text)
	if q != nil && err == nil {
		q.ids, err = s.meant(ctx, partitionID, q.quoted)
	}
	return q, err
}

func parseSearch(text string) (*search, error) {
	if len(text) > 200 {
		return nil, fault.New(fault.Invalid, "a search has at most 200 characters").At("filter.search")
	}
	text = strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(strings.ToLower(text), " "), "\x00", " "))
	if text == "" {
		return nil, nil
	}
	q := &search{quoted: ReadQuoted(text)}
	q.serials = q.quoted.beginnings()
	known := false
	for value := range strings.FieldsFuncSeq(text, edge) {
		value = strings.TrimFunc(value, separator)
		if value == "" {
			continue
		}
		p := &part{text: shortened(value), whole: value}
		if n := strings.IndexFunc(value, separator); n > 0 {
			p.text, p.whole = "."+p.text, value[:n]
		}
		if p.whole = shortened(p.whole); len(p.whole) < leastWord {
			p.whole = ""
		}
		known = known || len(value) >= leastWord
		q.parts = append(q.parts, p)
	}
	if !known && len(q.serials) > 0 {
		q.parts = nil // octets with blanks between them
	} else if !known {
		return nil, fault.New(
			fault.Invalid, "a search needs a word, or the beginning of one, of %d letters or digits", leastWord,
		).At("filter.search")
	}
	return q, nil
}

// matches tells whether each part begins a word of the certificate.
func (q *search) matches(c *Certificate) bool {
	if slices.ContainsFunc(q.serials, func(s string) bool { return strings.HasPrefix(c.SerialNumber, s) }) || slices.Contains(q.ids, c.ID) {
		return true
	}
	if len(q.parts) == 0 {
		return false
	}
	if slices.ContainsFunc(q.parts, func(p *part) bool { return !strings.Contains(c.SearchText, strings.TrimPrefix(p.text, ".")) }) {
		return false
	}
	words := Words(c.SearchText, c.SerialNumber)
	short := strings.FieldsFunc(c.SearchText, separator)
	return !slices.ContainsFunc(q.parts, func(p *part) bool {
		begins := func(w string) bool { return strings.HasPrefix(w, p.text) }
		return !slices.ContainsFunc(words, begins) && (len(p.text) >= leastWord || !slices.ContainsFunc(short, begins))
	})
}

const (
	few       = 200    // certificates that are looked at at once
	narrow    = 4_000  // certificates of which each can be looked at
	sortable  = 20_000 // of which all are read and sorted
	fewWords  = 64     // that are read beside each other
	fewTested = 60_000 // words times certificates that are looked up one by one
	first     = 2_000  // certificates that are looked at before another way is taken
	step      = 500    // certificates that are looked at at once
)

// behindAll is above each byte of UTF-8.
const behindAll = "\U0010ffff"

// measure finds how many words and certificates a part stands for; more closely where it is one of several conditions.
func (s *Service) measure(ctx context.Context, partitionID string, p *part, several bool) error {
	read := func(limit int) error {
		p.ids = nil
		return s.Store.DB(ctx).Raw(
			fmt.Sprintf(
				"SELECT certificate_id FROM certificate_words WHERE partition_id = ? AND word >= ? AND word < ? ORDER BY word, "+
					"certificate_id LIMIT %d",
				limit+1,
			),
			partitionID, p.text, p.text+behindAll).Scan(&p.ids).Error
	}
	settle := func() {
		slices.Sort(p.ids)
		p.ids = slices.Compact(p.ids)
		slices.Reverse(p.ids)
		p.narrow = true
	}
	if err := read(narrow); err != nil {
		return err
	}
	if len(p.ids) <= narrow {
		settle()
		return nil
	}
	if err := s.Store.DB(ctx).Raw(fmt.Sprintf(`WITH RECURSIVE w(word) AS (
			SELECT * FROM (SELECT word FROM certificate_words WHERE partition_id = ? AND word >= ? AND word < ? ORDER BY word LIMIT 1) AS
				least
			UNION ALL SELECT (SELECT c.word FROM certificate_words c WHERE c.partition_id = ? AND c.word > w.word AND c.word < ? ORDER BY
				c.word LIMIT 1) FROM w WHERE w.word IS NOT NULL)
		SELECT word FROM w WHERE word IS NOT NULL LIMIT
			%d`, fewWords+1), partitionID, p.text, p.text+behindAll, partitionID, p.text+behindAll).Scan(&p.words).Error; err != nil {
		return err
	}
	if len(p.words) > fewWords {
		p.words = nil
	} else if !several {
		return nil
	}
	if err := read(sortable); err != nil {
		return err
	}
	if len(p.ids) <= sortable {
		settle()
	}
	return nil
}

// stream reads ids that a part may stand for, behind a place, newest (or oldest) first.
func (s *Service) stream(ctx context.Context, partitionID string, p *part, o order, limit int) ([]string, error) {
	direction, beyond := " DESC", "<"
	if o.ascending {
		direction, beyond = "", ">"
	}
	behind, after := "", []any{}
	if o.after.ID != "" {
		behind, after = " AND certificate_id "+beyond+" ?", []any{o.after.ID}
	}
	var ids []string
	words := p.words
	switch {
	case words != nil:
	case p.text[0] == '.' && p.whole != "":
		words = []string{p.whole} // where the part is, its first word is
	default:
		return ids, s.Store.DB(ctx).Raw(fmt.Sprintf(
			"SELECT DISTINCT certificate_id FROM certificate_words WHERE partition_id = ? AND word >= ? AND word < ?%s ORDER BY "+
				"certificate_id%s LIMIT %d",
			behind, direction, limit,
		),
			append([]any{partitionID, p.text, p.text + behindAll}, after...)...).Scan(&ids).Error
	}
	var each []string
	var args []any
	for _, w := range words {
		each = append(
			each,
			fmt.Sprintf(
				"SELECT * FROM (SELECT certificate_id FROM certificate_words WHERE partition_id = ? AND word = ?%s ORDER BY "+
					"certificate_id%s LIMIT %d) AS b",
				behind, direction, limit,
			),
		)
		args = append(append(args, partitionID, w), after...)
	}
	// UNION: who has two of the words is there once.
	err := s.Store.DB(ctx).Raw("SELECT certificate_id FROM ("+strings.Join(each, " UNION ")+fmt.Sprintf(
		") AS u ORDER BY certificate_id%s LIMIT %d", direction, limit,
	), args...).Scan(&ids).Error
	return ids, err
}

// looker reads a list with a search.
type looker struct {
	*Service
	partitionID string
	q           *search
	rest        where // conditions but for the search
	o           order
	limit       int
	all         bool // what is read is not in the order of the list
	found       []place
}

// take looks at certificates, and keeps those that are found.
func (l *looker) take(ctx context.Context, ids []string) error {
	for chunk := range slices.Chunk(ids, step) {
		var rows []*Certificate
		w := where{"id IN ? AND partition_id = ?", []any{chunk, l.partitionID}}
		if l.rest.sql != "" {
			w.and(l.rest.sql, l.rest.args...)
		}
		w = l.o.behind(w)
		if err := l.Store.DB(ctx).Select(
			"id", "not_after", "search_text", "serial_number",
		).Where(w.sql, w.args...).Find(&rows).Error; err != nil {
			return err
		}
		for _, c := range rows {
			if l.q.matches(c) {
				l.found = append(l.found, place{c.ID, c.NotAfter})
			}
		}
	}
	return nil
}

// walk looks at what next reads, a step at a time, until the page is full, nothing is left, or most are looked at (0: no
// matter how many). It tells whether the page is done.
func (l *looker) walk(ctx context.Context, most int, next func(o order, limit int) ([]place, error)) (bool, error) {
	have := len(l.found)
	for o, limit, looked := l.o, l.limit, 0; ; limit = step {
		places, err := next(o, limit)
		if err != nil {
			return false, err
		}
		ids := make([]string, len(places))
		for n, p := range places {
			ids[n] = p.ID
		}
		if err := l.take(ctx, ids); err != nil {
			return false, err
		}
		if len(places) < limit || len(l.found)-have >= l.limit && !l.all {
			return true, nil
		}
		o.after = places[len(places)-1]
		if looked += len(places); most > 0 && looked >= most {
			return false, nil
		}
	}
}

// look reads the first of a list with a search.
func (s *Service) look(ctx context.Context, partitionID string, q *search, f Filter, groups []Group, o order, limit int) ([]place, error) {
	l := &looker{s, partitionID, q, s.conditions(f), o, limit, false, nil}
	// First what has no words: what gets them meanwhile is found by them.
	var ids []string
	if err := s.Store.DB(ctx).Raw(
		fmt.Sprintf("SELECT certificate_id FROM certificates_unread WHERE partition_id = ? LIMIT %d", sortable+1), partitionID,
	).Scan(&ids).Error; err != nil {
		return nil, err
	}
	branches := s.branches(f, groups, o)
	plain := func(o order, limit int) ([]place, error) { return s.merge(ctx, branches, o, limit) }
	var err error
	if len(ids) > sortable {
		// After an upgrade, until the job has been through.
		_, err = l.walk(ctx, 0, plain)
	} else if err = l.take(ctx, append(ids, q.ids...)); err == nil {
		if err = l.serials(ctx, groups); err == nil && len(q.parts) > 0 {
			err = l.words(ctx, f, branches, plain)
		}
	}
	slices.SortFunc(l.found, o.compare)
	l.found = slices.CompactFunc(l.found, func(a, b place) bool { return a.ID == b.ID })
	return l.found[:min(limit, len(l.found))], err
}

// serials finds by the first digits of the serial number.
func (l *looker) serials(ctx context.Context, groups []Group) error {
	if len(l.q.serials) == 0 {
		return nil
	}
	var cas []string
	for _, g := range groups {
		if !slices.Contains(cas, g.CAID) {
			cas = append(cas, g.CAID)
		}
	}
	for _, serial := range l.q.serials {
		w := where{"ca_id IN ? AND serial_number >= ? AND serial_number < ?", []any{cas, serial, serial + "g"}}
		if l.rest.sql != "" {
			w.and(l.rest.sql, l.rest.args...)
		}
		found, err := l.merge(ctx, []branch{{where: w}}, l.o, l.limit)
		if err != nil {
			return err
		}
		l.found = append(l.found, found...)
	}
	return nil
}

// words finds by words: from the part that the fewest certificates have, if these can all be looked at; else from the
// newest that have one; else, where a filter leaves few or none of those, along the list.
func (l *looker) words(ctx context.Context, f Filter, branches []branch, plain func(order, int) ([]place, error)) error {
	var best, some *part
	measured := 0
	for _, p := range l.q.parts {
		if len(p.text) < leastWord {
			continue
		}
		if err := l.measure(ctx, l.partitionID, p, len(l.q.parts) > 1 || l.rest.sql != ""); err != nil {
			return err
		}
		measured++
		if p.narrow && (best == nil || len(p.ids) < len(best.ids)) {
			best = p
		}
		if best != nil && len(best.ids) <= few {
			break
		}
		if some == nil || p.words != nil && (some.words == nil || len(p.words) < len(some.words)) {
			some = p
		}
	}
	small := false // the list without the search
	if (best == nil || len(best.ids) > narrow) && (f.CAID != "" || f.ProfileID != "" || len(f.Status) > 0) {
		n, err := l.count(ctx, branches, sortable)
		if err != nil {
			return err
		}
		small = n < sortable
	}
	if best != nil && !small {
		ids := best.ids
		if len(l.q.parts) > 1 && len(ids) > few {
			var err error
			if ids, err = l.tested(ctx, best); err != nil {
				return err
			}
		}
		return l.among(ctx, ids)
	}
	stream := func(o order, limit int) ([]place, error) {
		ids, err := l.stream(ctx, l.partitionID, some, o, limit)
		return places(ids), err
	}
	if l.o.sort == Newest && !small {
		enough := 0
		if measured > 1 || l.rest.sql != "" {
			enough = first
		}
		if done, err := l.walk(ctx, enough, stream); done || err != nil {
			return err
		}
	}
	if measured > 1 && !small {
		ids, err := l.both(ctx)
		if err != nil {
			return err
		}
		if len(ids) <= sortable {
			return l.among(ctx, ids)
		}
	}
	if l.o.sort == Newest && l.rest.sql == "" {
		_, err := l.walk(ctx, 0, stream)
		return err
	}
	for _, p := range l.q.parts {
		if len(p.words) == 0 || len(p.words) > 8 {
			continue
		}
		t := l.has(p, l.uuid("certificates.id"))
		for n := range branches {
			branches[n].and(t.sql, t.args...)
		}
	}
	_, err := l.walk(ctx, 0, plain)
	return err
}

// among finds among these, newest first.
func (l *looker) among(ctx context.Context, left []string) error {
	l.all = l.o.sort != Newest
	if l.o.ascending {
		slices.Reverse(left)
	}
	if l.o.sort == Newest && l.o.after.ID != "" {
		left = left[slices.IndexFunc(
			append(left, ""), func(id string) bool { return id == "" || l.o.compare(place{ID: id}, l.o.after) > 0 },
		):]
	}
	_, err := l.walk(ctx, 0, func(_ order, limit int) ([]place, error) {
		list := places(left[:min(limit, len(left))])
		left = left[len(list):]
		return list, nil
	})
	return err
}

// tested leaves, of the certificates of a part, those that have the words of the others, as far as these are few.
func (l *looker) tested(ctx context.Context, p *part) (ids []string, err error) {
	w := where{"partition_id = ? AND word >= ? AND word < ?", []any{l.partitionID, p.text, p.text + behindAll}}
	tests := 0
	for _, other := range l.q.parts {
		if other != p && len(other.words) > 0 && len(other.words)*len(p.ids) <= fewTested && len(l.q.serials) == 0 {
			tests++
			t := l.has(other, "b.certificate_id")
			w.and(t.sql, t.args...)
		}
	}
	if tests == 0 && (len(p.ids) <= narrow || len(l.q.serials) > 0) {
		return p.ids, nil
	}
	if tests == 0 {
		return l.both(ctx)
	}
	err = l.Store.DB(ctx).Raw("SELECT DISTINCT certificate_id FROM certificate_words b WHERE "+
		""+w.sql+" ORDER BY certificate_id DESC", w.args...).Scan(&ids).Error
	return ids, err
}

// has is the condition that a certificate has a word of a part. They are looked up one by one: a planner that thinks of
// joining reads all certificates of the word.
func (l *looker) has(p *part, id string) where {
	var each []string
	var args []any
	for _, word := range p.words {
		each = append(each, "(SELECT 1 FROM certificate_words o WHERE o.partition_id = ? AND o.word = ? AND o.certificate_id = "+id+")")
		args = append(args, l.partitionID, word)
	}
	return where{"COALESCE(" + strings.Join(append(each, "0"), ", ") + ") = 1", args}
}

// both are the newest that have words of all parts, at most a few more than can be sorted.
func (l *looker) both(ctx context.Context) (ids []string, err error) {
	var each []string
	var args []any
	for _, p := range l.q.parts {
		if len(p.text) >= leastWord {
			each = append(each, "SELECT certificate_id FROM certificate_words WHERE partition_id = ? AND word >= ? AND word < ?")
			args = append(args, l.partitionID, p.text, p.text+behindAll)
		}
	}
	err = l.Store.DB(ctx).Raw(strings.Join(each, " INTERSECT ")+fmt.Sprintf(
		" ORDER BY certificate_id DESC LIMIT %d", sortable+1,
	), args...).Scan(&ids).Error
	return ids, err
}

// places of which only the id is known.
func places(ids []string) []place {
	list := make([]place, len(ids))
	for n, id := range ids {
		list[n].ID = id
	}
	return list
}

// uuid is a column of text as it is compared with one of UUIDs.
func (s *Service) uuid(column string) string {
	if s.Store.PostgreSQL() {
		return column + "::uuid"
	}
	return column
}

// worded is the condition, of a query, that each part of a search begins a word.
func (s *Service) worded(partitionID string, q *search) where {
	var w where
	for _, p := range q.parts {
		if len(p.text) >= leastWord {
			w.and(
				"id IN (SELECT CAST(certificate_id AS text) FROM certificate_words WHERE partition_id = ? AND word >= ? AND word < ?)",
				partitionID, p.text, p.text+behindAll,
			)
		}
	}
	var ways []string
	if w.sql != "" {
		ways = append(ways, w.sql)
	}
	for _, serial := range q.serials {
		ways, w.args = append(ways, "serial_number >= ? AND serial_number < ?"), append(w.args, serial, serial+"g")
	}
	if len(q.ids) > 0 {
		ways, w.args = append(ways, "id IN ?"), append(w.args, q.ids)
	}
	return where{"(" + strings.Join(ways, " OR ") + ")", w.args}
}
