package lake

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// Holder is who holds a lease. Host and PID may be left out: they are this process's then.
type Holder struct {
	Host   string `json:"host"`
	PID    int    `json:"pid"`
	SyncID string `json:"sync_id"`
	// Boot and Started tell this boot of the machine, with its process ids, and this process from others; both are found out where they are
	// empty and PID is this process. Empty where the system does not tell: then the holder is never known to be gone.
	Boot    string `json:"boot,omitempty"`
	Started string `json:"started,omitempty"`
}

// String says who holds the lease, for messages.
func (h Holder) String() string {
	if h.SyncID == "" && h.Host == "" {
		return "somebody unknown"
	}
	if h.SyncID == "" {
		return fmt.Sprintf("process %d on %s", h.PID, h.Host)
	}
	return fmt.Sprintf("sync %s (process %d on %s)", h.SyncID, h.PID, h.Host)
}

// completed fills in what describes this process.
func (h Holder) completed() Holder {
	if h.Host == "" {
		h.Host, _ = os.Hostname() // without a name the holder is just not known to be on this machine
	}
	if h.PID == 0 {
		h.PID = os.Getpid()
	}
	if h.PID == os.Getpid() && h.Boot == "" {
		h.Boot = boot()
		h.Started, _, _ = process(h.PID)
	}
	return h
}

// gone says that the holder is known to have ended: its process id is of this machine in this boot, and no process, or a later one, has it.
func (h Holder) gone() bool {
	host, err := os.Hostname()
	if err != nil || h.Host != host || h.PID <= 0 || h.Boot == "" || h.Boot != boot() {
		return false
	}
	started, ended, err := process(h.PID)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	return err == nil && (ended || (h.Started != "" && started != h.Started))
}

// boot names this boot of the machine and the set of process ids (the PID namespace) that this process sees. It is "" where there is no
// /proc.
func boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id)) + " " + namespace
}

// process gives when a process was started, in ticks since the boot, and whether it has ended without being waited for. See
// proc_pid_stat(5).
func process(pid int) (started string, ended bool, err error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", false, err
	}
	// The second field is the name in parentheses, and may hold anything; the state is the third field and the start time the 22nd.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 {
		return "", false, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields)+2)
	}
	return fields[19], fields[0] == "Z" || fields[0] == "X", nil
}
