package server

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
)

// keptLines is how many of the newest warnings and errors of the log are kept in memory.
const keptLines = 200

// recentLog keeps the newest warnings and errors beside what the log does with them, for /errors and `pkiaas support`.
type recentLog struct {
	slog.Handler
	lines *recentLines
	keep  slog.Handler // writes to lines
}

type recentLines struct {
	mu    sync.Mutex
	lines [][]byte
}

func keepRecent(h slog.Handler) (*recentLog, *recentLines) {
	lines := &recentLines{}
	return &recentLog{h, lines, slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: slog.LevelWarn})}, lines
}

// Write takes one line of the log.
func (r *recentLines) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) == keptLines {
		r.lines = slices.Delete(r.lines, 0, 1)
	}
	r.lines = append(r.lines, slices.Clone(line[:min(len(line), 8<<10)]))
	return len(line), nil
}

// ServeHTTP answers with the lines, the oldest first.
func (r *recentLines) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	all := bytes.Join(r.lines, nil)
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(all) // to one who is gone
}

func (l *recentLog) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || l.Handler.Enabled(ctx, level)
}

func (l *recentLog) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		_ = l.keep.Handle(ctx, r.Clone()) // into memory: never fails
	}
	if !l.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return l.Handler.Handle(ctx, r)
}

func (l *recentLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &recentLog{l.Handler.WithAttrs(attrs), l.lines, l.keep.WithAttrs(attrs)}
}

func (l *recentLog) WithGroup(name string) slog.Handler {
	return &recentLog{l.Handler.WithGroup(name), l.lines, l.keep.WithGroup(name)}
}
