package testbed

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// PeakMemory is the most memory that the server has had resident, bytes (Linux).
func (s *Server) PeakMemory() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, found := strings.Cut(string(text), "VmHWM:")
	var kilobytes int64
	if _, err := fmt.Sscan(after, &kilobytes); !found || err != nil {
		return 0, fmt.Errorf("the kernel does not tell: %v", err)
	}
	return kilobytes << 10, nil
}

// ProcessorTime is what the server has used of the processors, in user and system mode (Linux).
func (s *Server) ProcessorTime() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("the kernel does not tell")
	}
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * time.Second / 100, nil // USER_HZ
}
