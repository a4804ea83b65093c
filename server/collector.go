package server

import (
	"os"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync"
)

// smallHeap is up to which size the heap is not collected, bytes: a collection costs by what is in use, and a server that
// uses 30 MB would do one for every 30 MB of requests.
const smallHeap = 64 << 20

// collectRarely has the heap collected once it has doubled, as Go does, but not below smallHeap. The operator's GOGC
// stands in its place.
var collectRarely = sync.OnceFunc(func() {
	if os.Getenv("GOGC") == "" {
		afterCollection(0)
	}
})

// afterCollection sets by what the heap may grow until the next one, in percent of what is in use now.
func afterCollection(before int) {
	inUse := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(inUse)
	percent := max(100, int(smallHeap*100/max(inUse[0].Value.Uint64(), 1<<20))-100)
	if percent != before {
		debug.SetGCPercent(percent)
	}
	type beat struct{ _ [64]byte } // ends with the next collection
	runtime.AddCleanup(new(beat), afterCollection, percent)
}
