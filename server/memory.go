package server

import (
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// heapGrowth is by how much the heap may grow between two collections, percent. A request allocates far more than it
// keeps, so Go's default of 100 collects a small heap too often.
const heapGrowth = 200

// limitMemory sets when the heap is collected: after it has grown by heapGrowth, and more often when the process uses nearly
// all the memory that its control group or the machine gives it. GOGC and GOMEMLIMIT take precedence.
func limitMemory(log *slog.Logger) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	available := memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)
	if _, err := memlimit.Set(memlimit.WithProvider(available)); err != nil {
		log.Warn("The server does not know how much memory it may use. Set GOMEMLIMIT.", "error", err)
	}
}
