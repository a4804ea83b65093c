package server

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/status"
	"github.com/pkiaas/pkiaas/pki/nameconstraint"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/protocols/export"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store/storetest"
)

// export is what the endpoint answers, in a file.
func (b *statusBench) export(partition, format string) string {
	b.t.Helper()
	h := &export.Handler{Events: b.audit, Now: b.now, Live: func(ctx context.Context) (context.Context, func()) { return ctx, func() {} }}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/export/"+partition+"/events?format="+format, nil).WithContext(b.ctx))
	if w.Code != 200 {
		b.t.Fatalf("%s %s", w.Result().Status, w.Body)
	}
	file := filepath.Join(b.t.TempDir(), "events."+format)
	if err := os.WriteFile(file, w.Body.Bytes(), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return file
}

// outside verifies a file as somebody does who has no pkiaas, and returns what is wrong, "" for nothing.
func outside(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("node", append([]string{"../docs/audit/verify.mjs"}, args...)...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if wrong, ok := strings.CutPrefix(strings.TrimSpace(string(out)), "BROKEN: "); ok && err != nil {
		return wrong
	}
	if err != nil || !strings.Contains(string(out), "events intact") {
		t.Fatalf("%s %v", out, err)
	}
	return ""
}

// ordinaryActs are those whose details are nested, and texts that are hard to write the same twice.
func (b *statusBench) ordinaryActs() {
	b.t.Helper()
	if _, err := b.status.UpdateSettings(b.ctx, b.ca.ID, status.Settings{Complete: true, AutomaticShards: true}); err != nil {
		b.t.Fatal(err)
	}
	all, err := b.cas.List(b.ctx, b.ca.PartitionID, false, "")
	if err != nil {
		b.t.Fatal(err)
	}
	root := all[slices.IndexFunc(all, func(c *ca.CertificationAuthority) bool { return c.Type == ca.Root })]
	r := ca.Request{
		PartitionID: b.ca.PartitionID, Type: ca.Intermediate, Identifier: "bounded", FriendlyName: "Zürich <&> 東京",
		SigningAlgorithm: "ECDSAP256+SHA256", Subject: "CN=Zürich <&>", ParentID: &root.ID, CRLEnabled: true,
	}
	r.NameConstraints = nameconstraint.Constraints{
		Permitted: []nameconstraint.Subtree{{Type: san.DNSName, Value: "example.com"}},
		Excluded:  []nameconstraint.Subtree{{Type: san.DNSName, Value: "secret.example.com"}},
	}
	made, err := b.cas.Create(b.ctx, r)
	if err != nil {
		b.t.Fatal(err)
	}
	eventually(b.t, "the CA is active", func() error {
		if c, err := b.cas.Get(b.ctx, made.ID); err != nil || c.Status != ca.Active {
			return errors.Join(errors.New("not yet"), err)
		}
		return nil
	})
	c := b.issue("audited.example.com")
	if _, err := b.certificates.Revoke(b.ctx, c.ID, certificate.KeyCompromise, nil); err != nil {
		b.t.Fatal(err)
	}
	b.awaitList(
		"crl.crl", "the revoked certificate is listed", func(l *x509.RevocationList) bool { return reasonOn(l, c.SerialNumber) == 1 },
	)
	b.event(
		"=Ünï\u2028\b\f\r\n@example.com \xff \x00",
		audit.Details{
			"float": 1.5e-9, "big": int64(9007199254740993), "nested": struct{ Z, A any }{"<", []any{nil, true, 7, 1e21}}, "é": "x",
			"10": 1, "9": 2,
		},
	)
	b.event("'quoted' \"and\" \\ <b>&amp;\t\n,", audit.Details{"": []string{"\"", "\n"}, "=": "\x7f\U0001f511"})
	b.event(" ", nil)
}

// event records an event of somebody with a name that is hard to write.
func (b *statusBench) event(name string, details audit.Details) {
	b.t.Helper()
	actor := &rbac.Actor{Kind: rbac.OperatorActor, ID: "id of " + name, Name: name, IPAddress: "192.0.2.1", RequestID: "r"}
	if err := b.store.Tx(rbac.WithActor(b.ctx, actor), func(ctx context.Context) error {
		b.audit.Record(
			ctx,
			audit.Event{
				PartitionID: b.ca.PartitionID, Action: "test.odd", ObjectKind: name, ObjectName: name, Summary: name, Details: details,
			},
		)
		return nil
	}); err != nil {
		b.t.Fatal(err)
	}
}

// TestAuditLogVerifiesOutside: every event of the demo's estate and of the acts that once broke the chain is verified by
// the verifier in docs/, from what the endpoint exports; what somebody does to the rows is found here and there.
func TestAuditLogVerifiesOutside(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testAuditLogVerifiesOutside(t, "") })
	t.Run("postgres", func(t *testing.T) { testAuditLogVerifiesOutside(t, storetest.Postgres(t)) })
}

func testAuditLogVerifiesOutside(t *testing.T, database string) {
	b, _ := statusBenchOn(t, database)
	b.ordinaryActs()
	old := b.loadOldEvents()
	for _, partition := range []string{b.ca.PartitionID, old} {
		v, err := b.audit.Verify(b.ctx, partition)
		if err != nil || !v.Intact() || v.Events < 50 {
			t.Errorf("%s: %+v, %v", partition, v, err)
		}
		for _, format := range []string{"jsonl", "csv"} {
			if wrong := outside(t, b.export(partition, format)); wrong != "" {
				t.Errorf("%s as %s: %s", partition, format, wrong)
			}
		}
	}
	got := b.ask(
		t, rbac.SystemActor(),
		`{ partition(id: "`+b.ca.PartitionID+`") { auditEvents(first: 3, filter: {action: "test."}) { nodes { sequence actorId caId format partitionId hash previousHash details detailsText } } } }`,
		nil,
	)
	if text := fmt.Sprint(got.Data); len(got.Errors) > 0 || !strings.Contains(text, "id of  ") || strings.Contains(text, "previousHash: ") {
		t.Errorf("GraphQL: %v %v", got.Data, got.Errors)
	}
	b.quiet()

	// Each of these is found and can be undone: the number of the event that it is found at.
	for _, partition := range []string{b.ca.PartitionID, old} {
		const at = 40
		for _, column := range []string{
			"action", "actor_id", "actor_name", "actor_kind", "ip_address", "request_id", "object_kind", "object_id", "object_name",
			"summary", "result", "ca_id", "details",
		} {
			if partition == old && column == "ca_id" {
				continue // it follows from the object, and was not hashed then
			}
			var before string
			if err := b.store.DB(b.ctx).Raw(
				"SELECT "+column+" FROM audit_events WHERE partition_id = ? AND sequence = ?", partition, at,
			).Scan(&before).Error; err != nil {
				t.Fatal(err)
			}
			after := before + "x"
			if column == "details" {
				after = strings.Replace(before, `"}`, `!"}`, 1)
				if after == before {
					after = `{"x":1}`
				}
			}
			set := func(value string) {
				b.exec("UPDATE audit_events SET "+column+" = ? WHERE partition_id = ? AND sequence = ?", value, partition, at)
			}
			set(after)
			b.foundAt(partition, at, column)
			set(before)
		}
		flip := func() {
			var e audit.Event
			if err := b.store.DB(b.ctx).Take(&e, "partition_id = ? AND sequence = ?", partition, at).Error; err != nil {
				t.Fatal(err)
			}
			e.Hash[7] ^= 1
			b.exec("UPDATE audit_events SET hash = ? WHERE partition_id = ? AND sequence = ?", e.Hash, partition, at)
		}
		flip()
		b.foundAt(partition, at, "hash")
		flip()
		b.exec("UPDATE audit_events SET format = 3 - format WHERE partition_id = ? AND sequence = ?", partition, at)
		b.foundAt(partition, at, "format")
		b.exec("UPDATE audit_events SET format = 3 - format WHERE partition_id = ? AND sequence = ?", partition, at)
		b.exec("UPDATE audit_events SET details = '{' WHERE partition_id = ? AND sequence = ?", partition, at+1)
		b.foundAt(partition, at+1, "what is no JSON")
		b.exec("DELETE FROM audit_events WHERE partition_id = ? AND sequence = ?", partition, at)
		b.foundAt(partition, at, "a removed row")
	}
}

// quiet waits until nothing writes to the log of the partition any more.
func (b *statusBench) quiet() {
	b.t.Helper()
	last := int64(-1)
	eventually(b.t, "nothing is due", func() error {
		now, err := b.audit.Head(b.ctx, b.ca.PartitionID)
		if due, dueErr := b.jobs.Due(b.ctx); err != nil || dueErr != nil || due > 0 || now != last {
			last = now
			return errors.Join(errors.New("not yet"), err, dueErr)
		}
		return nil
	})
}

func (b *statusBench) foundAt(partition string, sequence int64, what string) {
	b.t.Helper()
	v, err := b.audit.Verify(b.ctx, partition)
	if err != nil || v.Intact() || v.BrokenAt != sequence {
		b.t.Errorf("%s of event %d altered: %+v, %v", what, sequence, v, err)
	}
	if !slices.Contains([]string{"actor_id", "details", "format", "what is no JSON", "a removed row"}, what) {
		return // a process each
	}
	wrong := outside(b.t, b.export(partition, "jsonl"))
	if !strings.Contains(wrong, fmt.Sprint(sequence)) {
		b.t.Errorf("%s of event %d altered: outside it is %q", what, sequence, wrong)
	}
}

// loadOldEvents brings in the log of a partition that release 0.1.0 has written; it found it broken itself.
func (b *statusBench) loadOldEvents() string {
	b.t.Helper()
	written, err := os.ReadFile("../domain/audit/testdata/events-0.1.0.json")
	if err != nil {
		b.t.Fatal(err)
	}
	var tables struct {
		Chains []struct {
			PartitionID string `json:"partition_id"`
			Sequence    int64
			Hash        []byte
		} `json:"audit_chains"`
		Events []struct {
			PartitionID string `json:"partition_id"`
			Sequence    int64
			Time        time.Time
			Action      string
			Result      string
			ActorKind   string `json:"actor_kind"`
			ActorID     string `json:"actor_id"`
			ActorName   string `json:"actor_name"`
			IPAddress   string `json:"ip_address"`
			RequestID   string `json:"request_id"`
			ObjectKind  string `json:"object_kind"`
			ObjectID    string `json:"object_id"`
			ObjectName  string `json:"object_name"`
			Summary     string
			Details     string
			Hash        []byte
			CAID        string `json:"ca_id"`
		} `json:"audit_events"`
	}
	if err := json.Unmarshal(written, &tables); err != nil {
		b.t.Fatal(err)
	}
	partition := ""
	for _, c := range tables.Chains {
		if c.PartitionID != "" {
			partition = c.PartitionID
			b.exec("INSERT INTO audit_chains (partition_id, sequence, hash) VALUES (?, ?, ?)", c.PartitionID, c.Sequence, c.Hash)
		}
	}
	for _, e := range tables.Events {
		if e.PartitionID != partition {
			continue
		}
		// Without the column that the migration adds.
		b.exec(
			`INSERT INTO audit_events (partition_id, sequence, time, action, result, actor_kind, actor_id, actor_name, ip_address,
				request_id, object_kind, object_id, object_name, summary, details, hash, ca_id)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
				?)`, e.PartitionID, e.Sequence, e.Time, e.Action, e.Result, e.ActorKind, e.ActorID, e.ActorName, e.IPAddress, e.RequestID,
			e.ObjectKind,
			e.ObjectID, e.ObjectName, e.Summary, e.Details, e.Hash, e.CAID)
	}
	return partition
}

// cutOff removes the newest events of the partition and has the chain end before them, as somebody does who can write to
// the database and knows the source.
func (b *statusBench) cutOff(n int64) {
	b.t.Helper()
	head, err := b.audit.Head(b.ctx, b.ca.PartitionID)
	if err != nil {
		b.t.Fatal(err)
	}
	b.exec("DELETE FROM audit_events WHERE partition_id = ? AND sequence > ?", b.ca.PartitionID, head-n)
	b.exec(
		"UPDATE audit_chains SET sequence = ?, hash = (SELECT hash FROM audit_events WHERE partition_id = ? AND sequence = ?) WHERE "+
			"partition_id = ?",
		head-n, b.ca.PartitionID, head-n, b.ca.PartitionID,
	)
}

// TestCutOffAuditLogIsAnAlarm: the newest events are removed and the chain is made to end before them. The signed head
// that has left the database tells it, after a restart too, until a person accepts.
func TestCutOffAuditLogIsAnAlarm(t *testing.T) {
	b := newStatusBench(t)
	b.quiet()
	bucket := objects{}
	b.audit.Heads.Keepers = append(b.audit.Heads.Keepers, &audit.HeadBucket{Objects: bucket})
	round := func() {
		t.Helper()
		if err := b.audit.Heads.Round(b.ctx); err != nil {
			t.Fatal(err)
		}
	}
	round()
	if len(bucket) < 2 {
		t.Fatalf("%d heads in the bucket", len(bucket))
	}
	key := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(
		key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b.App.ca.rootKey.PublicKey()}), 0o600,
	); err != nil {
		t.Fatal(err)
	}
	if wrong := outside(t, b.export(b.ca.PartitionID, "jsonl"), "--heads", b.cfg.AuditHeads, "--key", key); wrong != "" {
		t.Errorf("before anything happened: %s", wrong)
	}
	if wrong := outside(
		t, b.export(b.ca.PartitionID, "jsonl"), "--heads", b.cfg.AuditHeads, "--key", b.cfg.Data+"/"+tlsRootFile,
	); wrong != "" {
		t.Errorf("with the certificate: %s", wrong)
	}
	head, err := b.audit.Head(b.ctx, b.ca.PartitionID)
	if err != nil {
		t.Fatal(err)
	}
	b.cutOff(30)
	alarmed := func(what string, heads *audit.Heads) {
		t.Helper()
		b.audit.Heads = heads
		v, err := b.audit.Verify(b.ctx, b.ca.PartitionID)
		if err != nil || v.Intact() || v.Alarm == nil || v.Alarm.Head.Sequence != head {
			t.Errorf("%s: %+v, %v", what, v, err)
		}
		got := b.ask(
			t, rbac.SystemActor(),
			`mutation { verifyAuditLog(input: {partitionId: "`+b.ca.PartitionID+`"}) { verification { intact alarm brokenAt } } }`, nil,
		)
		if text := fmt.Sprint(got.Data); !strings.Contains(text, "intact:false") || !strings.Contains(
			text, fmt.Sprintf("event %d of partition", head),
		) {
			t.Errorf("%s: %s", what, text)
		}
	}
	running := b.audit.Heads
	alarmed("at once", running)
	// The end is made to look longer than it was.
	for n := range 40 {
		b.event(fmt.Sprint("filler ", n), nil)
	}
	round()
	alarmed("with other events behind it", running)
	if wrong := outside(
		t, b.export(b.ca.PartitionID, "jsonl"), "--heads", b.cfg.AuditHeads, "--key", key,
	); !strings.Contains(wrong, fmt.Sprint("event ", head)) {
		t.Errorf("outside: %q", wrong)
	}
	var events int64
	if err := b.store.DB(b.ctx).Table("audit_events").Where(
		"action = 'audit.alarm' AND result = 'FAILED' AND partition_id = ?", b.ca.PartitionID,
	).Count(&events).Error; err != nil || events != 1 {
		t.Errorf("%d events of the alarm, %v", events, err)
	}
	if w := httptest.NewRecorder(); true {
		b.admin().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		if !strings.Contains(w.Body.String(), "pkiaas_audit_alarm 1") {
			t.Error("the metric does not tell it")
		}
	}
	// After a restart, from the file or from the bucket alone; an old head that is appended again does not help.
	file := &audit.HeadFile{Path: b.cfg.AuditHeads}
	lines, err := os.ReadFile(b.cfg.AuditHeads)
	if err != nil {
		t.Fatal(err)
	}
	stolen := []byte{}
	for line := range bytes.Lines(lines) {
		if bytes.Contains(line, []byte(b.ca.PartitionID)) {
			stolen = line
			break
		}
	}
	forged := bytes.Replace(stolen, []byte(`"time":"20`), []byte(`"time":"21`), 1)
	if err := os.WriteFile(b.cfg.AuditHeads, slices.Concat(lines, stolen, forged), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, keeper := range map[string]audit.Keeper{"from the file": file, "from the bucket": &audit.HeadBucket{Objects: bucket}} {
		fresh := &audit.Heads{Log: b.audit, Signer: b.App.ca.rootKey, Keepers: []audit.Keeper{keeper}, Logger: b.log}
		if alarms, err := fresh.Compare(b.ctx); err != nil || len(alarms) != 1 {
			t.Errorf("%s: %v, %v", what, alarms, err)
		}
		alarmed(what, fresh)
	}
	heads, err := audit.ReadHeads(bytes.NewReader(slices.Concat(lines, forged)))
	if err != nil {
		t.Fatal(err)
	}
	if unsound, alarms, err := running.Examine(b.ctx, heads); err != nil || len(unsound) != 1 || len(alarms) == 0 {
		t.Errorf("the command finds %d unsound, %d alarms, %v", len(unsound), len(alarms), err)
	}
	// Accepted by another process; the running server reads it in the file.
	command := &audit.Heads{
		Log: b.audit, Signer: b.App.ca.rootKey, Keepers: []audit.Keeper{file, &audit.HeadBucket{Objects: bucket}}, Logger: b.log,
	}
	if command.Accept(b.ctx, b.ca.PartitionID, "") == nil {
		t.Error("accepted without a reason")
	}
	if err := command.Accept(b.ctx, b.ca.PartitionID, "The backup of last night was restored."); err != nil {
		t.Fatal(err)
	}
	b.audit.Heads = running
	round()
	if v, err := b.audit.Verify(b.ctx, b.ca.PartitionID); err != nil || !v.Intact() || len(running.Alarms()) != 0 {
		t.Errorf("accepted: %+v, %v", v, err)
	}
	// Outside, too, for whoever has the key: without it nobody knows who accepted.
	if lines, err = os.ReadFile(b.cfg.AuditHeads); err != nil {
		t.Fatal(err)
	}
	signed := filepath.Join(t.TempDir(), "heads.jsonl")
	if err := os.WriteFile(signed, bytes.ReplaceAll(lines, forged, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if wrong := outside(t, b.export(b.ca.PartitionID, "jsonl"), "--heads", signed, "--key", key); wrong != "" {
		t.Errorf("accepted, outside: %s", wrong)
	}
	if outside(t, b.export(b.ca.PartitionID, "jsonl"), "--heads", signed) == "" {
		t.Error("a head that nobody verified accepts what was cut off")
	}
	// From there on it is watched as before.
	b.event("one more", nil)
	b.quiet()
	round()
	b.cutOff(1)
	if v, err := b.audit.Verify(b.ctx, b.ca.PartitionID); err != nil || v.Intact() {
		t.Errorf("cut off again: %+v, %v", v, err)
	}
	// The chain as a whole is gone.
	b.exec("DELETE FROM audit_events WHERE partition_id = ?", b.ca.PartitionID)
	b.exec("DELETE FROM audit_chains WHERE partition_id = ?", b.ca.PartitionID)
	if v, err := b.audit.Verify(b.ctx, b.ca.PartitionID); err != nil || v.Intact() {
		t.Errorf("nothing is left: %+v, %v", v, err)
	}
}

// objects are a bucket.
type objects map[string][]byte

func (o objects) PutObject(_ context.Context, name string, content []byte) error {
	o[name] = content
	return nil
}

func (o objects) GetObject(_ context.Context, name string, _ int64) ([]byte, error) {
	return o[name], nil
}

func (o objects) Names(_ context.Context, prefix, after string) (names []string, err error) {
	for name := range o {
		if strings.HasPrefix(name, prefix) && name > after {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
