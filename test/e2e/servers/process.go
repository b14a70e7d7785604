package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startupTime is how long a server may take until it is ready: minutes, because a machine that also builds is slow.
const startupTime = 3 * time.Minute

// Process is a running server.
type Process struct {
	name    string
	command *exec.Cmd
	log     string        // path of its output
	exited  chan struct{} // closed when it has ended
}

// start runs the command with its output in dir/name.log.
func start(dir, name, path string, arguments, environment []string) (*Process, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	log := filepath.Join(dir, name+".log")
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer output.Close()
	command := exec.Command(path, arguments...)
	command.Env = append(os.Environ(), environment...)
	command.Dir = dir
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := onLastingThread(command.Start); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	process := &Process{name: name, command: command, log: log, exited: make(chan struct{})}
	go func() {
		_ = command.Wait() // How it ended stands in its log.
		close(process.exited)
	}()
	return process, nil
}

// Linux sends Pdeathsig when the thread that started the child ends, not the process. So one thread, which never ends, starts all.
var lastingThread = sync.OnceValue(func() chan<- func() {
	calls := make(chan func())
	go func() {
		runtime.LockOSThread()
		for call := range calls {
			call()
		}
	}()
	return calls
})

func onLastingThread(start func() error) error {
	done := make(chan error)
	lastingThread() <- func() { done <- start() }
	return <-done
}

// Name is the server's: "kube-apiserver".
func (p *Process) Name() string { return p.name }

// Log is the path of the file that holds the server's output.
func (p *Process) Log() string { return p.log }

// Stop kills the process, whose data nobody needs any more, and waits until it is gone.
func (p *Process) Stop() {
	if p == nil {
		return
	}
	_ = p.command.Process.Kill() // An error means that it has ended already.
	<-p.exited
}

// waitReady polls until ready gives nil, the process ends, or startupTime has passed.
func (p *Process) waitReady(ctx context.Context, ready func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startupTime, errors.New("not ready in time"))
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended before it was ready (%s); its log ends with:\n%s", p.name, p.command.ProcessState, p.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("%s: %w (last: %v); its log ends with:\n%s", p.name, context.Cause(ctx), err, p.LogTail())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// LogTail gives the last 4,000 bytes of the server's output.
func (p *Process) LogTail() string {
	content, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	if len(content) > 4000 {
		content = content[len(content)-4000:]
	}
	return strings.TrimSpace(string(content))
}

// freePorts gives n ports of 127.0.0.1 that nobody listened on a moment ago.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close() // Only at the end, so that the ports differ.
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
