// Package export serves lists whole, as CSV (RFC 4180, UTF-8) or as one JSON object a line. What may be seen is decided
// by the same verbs of the domain that answer the console's pages.
package export

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/bulk"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/report"
)

// Handler serves GET /export/{partition}/{list} and /export/{partition}/bulk/{id}. It stands behind the server's
// authentication.
type Handler struct {
	Certificates *certificate.Service
	CAs          *ca.Service
	EndEntities  *endentity.Service
	Events       *audit.Log
	Bulk         *bulk.Service
	Reports      *report.Service
	Now          func() time.Time
	// Live has the rights of the caller be those of the moment while a list is written: each page of it asks for them again.
	Live func(context.Context) (_ context.Context, stop func())
	// Refuse answers with an error before anything was sent.
	Refuse func(http.ResponseWriter, *http.Request, error)
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, stop := h.Live(r.Context())
	defer stop()
	r = r.WithContext(ctx)
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/export/"), "/")
	out := &writer{w: w, r: r, now: h.Now()}
	err := h.write(out, r, parts)
	if err == nil {
		err = out.finish()
	}
	if err == nil {
		return
	}
	if out.begun {
		panic(http.ErrAbortHandler) // the client must not take half a list for a whole one
	}
	h.Refuse(w, r, err)
}

func (h *Handler) write(out *writer, r *http.Request, parts []string) error {
	if r.Method != http.MethodGet || len(parts) < 2 {
		return fault.New(fault.NotFound, "no such list").Do(
			"GET /export/{partition}/certificates, cas, events, end-entities, bulk/{id} or reports/{report}.",
		)
	}
	q, partition := r.URL.Query(), parts[0]
	switch out.format = q.Get("format"); out.format {
	case "":
		out.format = "csv"
	case "csv", "jsonl":
	default:
		return fault.New(fault.Invalid, "the format is csv or jsonl").At("format")
	}
	out.name = partition + "-" + strings.Join(parts[1:], "-")
	switch list := strings.Join(parts[1:], "/"); {
	case list == "certificates":
		return h.certificates(out, r, partition, q)
	case list == "cas":
		return h.cas(out, r, partition, q)
	case list == "events":
		return h.events(out, r, partition, q)
	case list == "end-entities":
		return h.endEntities(out, r, partition, q)
	case len(parts) == 3 && parts[1] == "reports":
		return h.report(out, r, partition, parts[2], q)
	case len(parts) == 3 && parts[1] == "bulk":
		return h.results(out, r, parts[2])
	}
	return fault.New(fault.NotFound, "no such list").Do(
		"GET /export/{partition}/certificates, cas, events, end-entities, bulk/{id} or reports/{report}.",
	)
}

func (h *Handler) certificates(out *writer, r *http.Request, partition string, q url.Values) error {
	f := certificate.Filter{
		Search: q.Get("search"), CAID: q.Get("ca"), ProfileID: q.Get("profile"), EndEntityID: q.Get("endEntity"),
		ConfigurationID: q.Get("configuration"), LeaveOutSigners: q.Get("signers") != "true",
	}
	if q.Get("status") != "" {
		for s := range strings.SplitSeq(q.Get("status"), ",") {
			f.Status = append(f.Status, certificate.Status(strings.ToUpper(s)))
		}
	}
	if days := q.Get("expires"); days != "" {
		n, err := strconv.Atoi(days)
		if err != nil {
			return fault.New(fault.Invalid, "expires is a number of days").At("expires")
		}
		f.ExpiresWithinDays = &n
	}
	if expired := q.Get("expired"); expired != "" {
		f.Expired = new(expired == "true")
	}
	out.columns = []string{
		"serialNumber", "subject", "commonName", "status", "notBefore", "notAfter", "profile", "issuer", "kind", "keyType",
		"signatureAlgorithm", "publicKeySha256", "requestedBy", "source", "createdAt", "revokedAt", "revocationReason",
	}
	withPEM := q.Get("pem") == "true"
	if withPEM {
		out.columns = append(out.columns, "pem")
	}
	cas, err := h.CAs.List(r.Context(), partition, true, "")
	if err != nil {
		return err
	}
	identifiers := map[string]string{}
	for _, c := range cas {
		identifiers[c.ID] = c.Identifier
	}
	return h.Certificates.Each(r.Context(), partition, f, func(c *certificate.Certificate) error {
		reason := ""
		if c.Status == certificate.Revoked {
			reason = certificate.ReasonNames[c.RevocationReason]
		}
		cells := []any{
			c.SerialNumber, c.Subject, c.CommonName, string(c.Status), c.NotBefore, c.NotAfter, c.ProfileID, identifiers[c.CAID],
			string(c.Kind), c.KeyType, c.SignatureAlgorithm, c.PublicKeySHA256, c.RequestedBy, c.Source, c.CreatedAt, c.RevokedAt, reason,
		}
		if withPEM {
			cells = append(cells, ca.PEM(c.DER))
		}
		return out.row(cells...)
	})
}

func (h *Handler) cas(out *writer, r *http.Request, partition string, q url.Values) error {
	out.columns = []string{
		"identifier", "friendlyName", "type", "status", "subject", "serialNumber", "signingAlgorithm", "keyStore", "notBefore", "notAfter",
		"crlEnabled", "ocspEnabled", "createdBy", "createdAt",
	}
	list, err := h.CAs.List(r.Context(), partition, q.Get("deleted") == "true", q.Get("search"))
	if err != nil {
		return err
	}
	for _, c := range list {
		if err := out.row(
			c.Identifier, c.FriendlyName, string(c.Type), string(c.StatusAt(h.Now())), c.Subject, c.SerialNumber, c.SigningAlgorithm,
			c.KeyStore, c.NotBefore, c.NotAfter, c.CRLEnabled, c.OCSPEnabled, c.CreatedBy, c.CreatedAt,
		); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) events(out *writer, r *http.Request, partition string, q url.Values) error {
	f := audit.Filter{
		Search: q.Get("search"), Action: q.Get("action"), Result: audit.Result(strings.ToUpper(q.Get("result"))),
		ObjectID: q.Get("objectId"), ConfigurationID: q.Get("configuration"),
	}
	from, to, err := span(q)
	if err != nil {
		return err
	}
	if from != nil {
		f.From = *from
	}
	if to != nil {
		f.To = *to
	}
	// All that the hash of an event is over: docs/audit.md, docs/audit/verify.mjs.
	out.columns = []string{
		"sequence", "time", "action", "result", "actorKind", "actorId", "actorName", "ipAddress", "requestId", "objectKind", "objectId",
		"objectName", "summary", "details", "hash",
		"partitionId", "caId", "format", "previousHash"}
	if out.format == "jsonl" {
		out.columns = append(out.columns, "detailsText")
	}
	return h.Events.Each(r.Context(), partition, f, func(e *audit.Event) error {
		cells := []any{
			e.Sequence, e.Time.UTC().Format(audit.TimeFormat), e.Action, string(e.Result), e.ActorKind, e.ActorID, e.ActorName,
			e.IPAddress, e.RequestID, e.ObjectKind, e.ObjectID, e.ObjectName,
			e.Summary, stored(e.DetailsText), hex.EncodeToString(e.Hash), e.PartitionID, e.CAID, e.Format,
			hex.EncodeToString(e.PreviousHash)}
		if out.format == "jsonl" {
			cells = append(cells, e.VerbatimDetails())
		}
		return out.row(cells...)
	})
}

// stored is JSON that is exported as it lies in the database; what is no JSON any more, as a text.
type stored string

func (s stored) MarshalJSON() ([]byte, error) {
	if !json.Valid([]byte(s)) {
		return json.Marshal(string(s))
	}
	return []byte(s), nil
}

func (h *Handler) endEntities(out *writer, r *http.Request, partition string, q url.Values) error {
	out.columns = []string{"identifier", "status", "createdAt"}
	f := endentity.Filter{
		Search: q.Get("search"), Status: endentity.Status(strings.ToUpper(q.Get("status"))), ConfigurationID: q.Get("configuration"),
	}
	for p := (page.Request{First: page.MaxFirst}); ; {
		list, err := h.EndEntities.List(r.Context(), partition, f, p)
		if err != nil {
			return err
		}
		for _, e := range list.Nodes {
			if err := out.row(e.Identifier, string(e.Status), e.CreatedAt); err != nil {
				return err
			}
		}
		if !list.HasNext {
			return nil
		}
		p.After = *list.EndCursor()
	}
}

func (h *Handler) results(out *writer, r *http.Request, id string) error {
	out.columns = []string{"position", "what", "state", "result", "note", "serialNumber", "subject", "certificate"}
	return h.Bulk.Results(r.Context(), id, func(o *bulk.Operation, l *bulk.Line) error {
		text := ""
		if len(l.DER) > 0 {
			text = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.DER}))
		}
		return out.row(l.Position, l.What, string(l.State), string(l.Result), l.Note, l.SerialNumber, l.Subject, text)
	})
}

// span reads the instants from and to, nil where absent.
func span(q url.Values) (from, to *time.Time, err error) {
	for name, into := range map[string]**time.Time{"from": &from, "to": &to} {
		if text := q.Get(name); text != "" {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return nil, nil, fault.New(fault.Invalid, "an instant such as 2027-01-31T00:00:00Z is needed here").At(name)
			}
			*into = &at
		}
	}
	return from, to, nil
}

func (h *Handler) report(out *writer, r *http.Request, partition, name string, q url.Values) error {
	from, to, err := span(q)
	if err != nil {
		return err
	}
	switch name {
	case "activity":
		interval := report.Day
		if strings.EqualFold(q.Get("interval"), "month") {
			interval = report.Month
		}
		out.columns = []string{"start", "issued", "revoked"}
		list, err := h.Reports.Activity(r.Context(), partition, from, to, interval)
		return each(list, err, func(p *report.Period) error { return out.row(p.Start, p.Issued, p.Revoked) })
	case "breakdown":
		by := report.Dimension(strings.ToUpper(q.Get("by")))
		if !by.Valid() {
			return fault.New(fault.Invalid, "by is profile, ca, algorithm, key_type, source or requester").At("by")
		}
		out.columns = []string{"key", "label", "issued", "revoked", "active"}
		list, err := h.Reports.Breakdown(r.Context(), partition, from, to, by)
		return each(list, err, func(s *report.Share) error { return out.row(s.Key, s.Label, s.Issued, s.Revoked, s.Active) })
	case "cryptography", "concerns":
		found, err := h.Reports.Cryptography(r.Context(), partition)
		if err != nil {
			return err
		}
		if name == "concerns" {
			out.columns = []string{"id", "severity", "title", "advice", "certificates", "authorities"}
			return each(found.Concerns, nil, func(c *report.Concern) error {
				return out.row(c.ID, string(c.Severity), c.Title, c.Advice, c.Certificates, c.Authorities)
			})
		}
		out.columns = []string{"keyType", "signatureAlgorithm", "certificates", "authorities", "latestExpiry", "postQuantum"}
		return each(found.Uses, nil, func(u *report.Use) error {
			return out.row(u.KeyType, u.SignatureAlgorithm, u.Certificates, u.Authorities, u.LatestExpiry, u.PostQuantum)
		})
	case "expiries":
		out.columns = []string{"start", "certificates", "authorities"}
		list, err := h.Reports.Expiries(r.Context(), partition, 366)
		return each(list, err, func(e *report.Expiry) error { return out.row(e.Start, e.Certificates, e.Authorities) })
	}
	return fault.New(fault.NotFound, "no such report").Do(
		"GET /export/{partition}/reports/activity, breakdown, cryptography, concerns or expiries.",
	)
}

func each[T any](list []T, err error, yield func(T) error) error {
	for _, x := range list {
		if err := yield(x); err != nil {
			return err
		}
	}
	return err
}

// writer sends rows as they come. Nothing is sent before the first one, so that an error still has its status code.
type writer struct {
	w       http.ResponseWriter
	r       *http.Request
	now     time.Time
	format  string
	name    string
	columns []string
	begun   bool
	buffer  *bufio.Writer
	csv     *csv.Writer
	one     bytes.Buffer // the row that csv has written
	rows    int
}

// patience is how long a client may take for what lies between two flushes.
const (
	patience = time.Minute
	flushed  = 500 // rows
)

func (o *writer) begin() error {
	o.begun = true
	types := map[string]string{"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
	o.w.Header().Set("Content-Type", types[o.format])
	o.w.Header().Set(
		"Content-Disposition",
		fmt.Sprintf(`attachment; filename="%s-%s.%s"`, fileName(o.name), o.now.UTC().Format("20060102-150405"), o.format),
	)
	o.w.Header().Set("Cache-Control", "no-store")
	_ = http.NewResponseController(o.w).SetWriteDeadline(time.Now().Add(patience)) // a recorder has none
	o.buffer = bufio.NewWriterSize(o.w, 64<<10)
	if o.format == "csv" {
		o.csv = csv.NewWriter(&o.one)
		return o.line(o.columns)
	}
	return nil
}

// fileName keeps what is harmless in a header.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, s)
}

func (o *writer) row(cells ...any) error {
	if !o.begun {
		if err := o.begin(); err != nil {
			return err
		}
	}
	if o.rows++; o.rows%flushed == 0 {
		_ = http.NewResponseController(o.w).SetWriteDeadline(time.Now().Add(patience)) // a recorder has none
		if err := o.r.Context().Err(); err != nil {
			return err
		}
	}
	if o.format == "jsonl" {
		return o.object(cells)
	}
	line := make([]string, len(cells))
	for n, c := range cells {
		line[n] = harmless(cell(c))
	}
	return o.line(line)
}

// line ends a row with CRLF. The option of csv.Writer would also change the line ends within cells.
func (o *writer) line(cells []string) error {
	if err := o.csv.Write(cells); err != nil {
		return err
	}
	o.csv.Flush()
	if _, err := o.buffer.Write(bytes.TrimSuffix(o.one.Bytes(), []byte{'\n'})); err != nil {
		return err
	}
	o.one.Reset()
	_, err := o.buffer.WriteString("\r\n")
	return err
}

// object writes a JSON object whose members stand in the order of the columns.
func (o *writer) object(cells []any) error {
	for n, c := range cells {
		separator := byte(',')
		if n == 0 {
			separator = '{'
		}
		if t, ok := c.(*time.Time); ok && t == nil {
			c = nil
		}
		value, err := json.Marshal(c)
		if err != nil {
			return err
		}
		_ = o.buffer.WriteByte(separator) // an error stays in the buffer until Flush
		fmt.Fprintf(o.buffer, "%q:%s", o.columns[n], value)
	}
	_, err := o.buffer.WriteString("}\n")
	return err
}

func (o *writer) finish() error {
	if !o.begun {
		if err := o.begin(); err != nil {
			return err
		}
	}
	return o.buffer.Flush()
}

func cell(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case *time.Time:
		if v == nil {
			return ""
		}
		return v.UTC().Format(time.RFC3339)
	case stored:
		return string(v)
	}
	return fmt.Sprint(v)
}

// harmless keeps spreadsheets from taking what somebody chose as a subject for a formula. A cell that begins with an
// apostrophe gets another one, so that the one in front can be taken away again.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n'", rune(s[0])) {
		return "'" + s
	}
	return s
}
