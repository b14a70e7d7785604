package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/k8sq/k8sq/collector"
)

// The exit codes of DESIGN.md 5.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitIncomplete  = 3
	exitFound       = 4
	exitInterrupted = 130
	exitPipe        = 141 // what a shell gives for a command that SIGPIPE killed
)

// exitCodesHelp ends each command's help.
const exitCodesHelp = `
Exit codes: 0 ok · 1 error · 2 usage or configuration · 3 a sync or plan that
was incomplete (what was complete is committed) · 4 plan --detailed-exitcode
found something · 130 interrupted.`

// exitError is an error that asks for an exit code of its own. A nil err was told already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}
func (e *exitError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// app is what the commands share: the streams, the global flags and the log.
type app struct {
	in      *os.File
	out     *os.File
	errOut  *os.File
	screen  *screen // errOut, shared with the progress lines
	log     *slog.Logger
	version string

	configPath, lakeURL, logLevel, logFormat string
}

func newApp(in, out, errOut *os.File) *app {
	a := &app{in: in, out: out, errOut: errOut, screen: &screen{w: errOut}, version: version}
	a.log = slog.New(slog.NewTextHandler(a.screen, nil))
	return a
}

func newRootCmd(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:     "k8sq",
		Version: versionLine(a.version),
		Short:   "What changed in your clusters, when, by whom, and what it looked like before",
		Long: `k8sq keeps the history of Kubernetes clusters as Parquet in a lake (a folder or
an S3 bucket) and answers questions about it in SQL.

  k8sq plan                  shows what a sync would collect and record
  k8sq sync                  collects the current kubeconfig context into ./lake
  k8sq changes               shows what was created, updated and deleted
  k8sq query "FROM changes"  asks it in SQL
  k8sq init                  writes k8sq.hcl, a block for each context of yours
` + exitCodesHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return a.setUp()
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.configPath, "config", os.Getenv("K8SQ_CONFIG"), "configuration `FILE`; K8SQ_CONFIG, else ./k8sq.hcl if there is one")
	flags.StringVar(&a.lakeURL, "lake", os.Getenv("K8SQ_LAKE"), "lake `URL`, s3://bucket/prefix or a folder; K8SQ_LAKE, else the configuration's, else ./lake")
	flags.StringVar(&a.logLevel, "log-level", "warn", "debug, info, warn or error")
	flags.StringVar(&a.logFormat, "log-format", "text", "text or json")
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%w\nRun %q for usage.", err, cmd.CommandPath()+" --help")
	})
	root.AddCommand(newInitCmd(a), newValidateCmd(a), newSyncCmd(a), newQueryCmd(a), newChangesCmd(a), newNoiseCmd(a), newPlanCmd(a), newLakeCmd(a), newVersionCmd(a))
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		RunE: func(_ *cobra.Command, args []string) error {
			found, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usageError("there is no command %q to help with\nRun \"k8sq --help\" for the commands.", strings.Join(args, " "))
			}
			return found.Help()
		},
	})
	for _, cmd := range root.Commands() {
		if cmd.Args != nil {
			cmd.Args = asUsage(cmd.Args)
		}
	}
	return root
}

// asUsage makes wrong arguments a usage error.
func asUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError("%w\nRun %q for usage.", err, cmd.CommandPath()+" --help")
		}
		return nil
	}
}

func (a *app) setUp() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return usageError("--log-level: %q is none of debug, info, warn, error", a.logLevel)
	}
	options := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "text":
		a.log = slog.New(slog.NewTextHandler(a.screen, options))
	case "json":
		a.log = slog.New(slog.NewJSONHandler(a.screen, options))
	default:
		return usageError("--log-format: %q is neither text nor json", a.logFormat)
	}
	return nil
}

// exitCode tells the error on standard error and turns it into the exit code. Nothing else ends the process.
func (a *app) exitCode(ctx context.Context, err error) int {
	if err == nil {
		return exitOK
	}
	if write := new(fs.PathError); errors.As(err, &write) && write.Path == a.out.Name() && errors.Is(write, syscall.EPIPE) {
		return exitPipe // Nobody reads on, which is not worth a word.
	}
	code := codeOf(err)
	if ctx.Err() != nil {
		code = exitInterrupted
	}
	var told *exitError
	if !errors.As(err, &told) || told.err != nil {
		message := strings.TrimRight(err.Error(), "\n")
		if ctx.Err() != nil {
			message = "interrupted"
		}
		fmt.Fprintf(a.screen, "Error: %s\n", message)
	}
	return code
}

func codeOf(err error) int {
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		return exit.code
	case errors.Is(err, collector.ErrIdentity): // the configuration leads to another cluster than it says
		return exitUsage
	case strings.HasPrefix(err.Error(), "unknown command"): // cobra has no type for it
		return exitUsage
	}
	return exitFailed
}

// profile writes a CPU profile to the file that K8SQ_CPUPROFILE names, for bench/.
func (a *app) profile() (stop func()) {
	path := os.Getenv("K8SQ_CPUPROFILE")
	if path == "" {
		return func() {}
	}
	file, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		fmt.Fprintf(a.screen, "K8SQ_CPUPROFILE: %v\n", err)
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		if err := file.Close(); err != nil {
			fmt.Fprintf(a.screen, "K8SQ_CPUPROFILE: %v\n", err)
		}
	}
}

// screen is standard error, on which progress lines may stand: what is written to it appears above them.
type screen struct {
	mu    sync.Mutex
	w     io.Writer
	lines int // of progress that stand now
	shown []byte
}

// Write writes p above the progress lines.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	n, err := s.w.Write(p)
	if len(s.shown) > 0 {
		_, _ = s.w.Write(s.shown) // decoration
		s.lines = bytes.Count(s.shown, []byte("\n"))
	}
	return n, err
}

// show replaces the progress lines; nil takes them away.
func (s *screen) show(progress []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	s.shown = progress
	_, _ = s.w.Write(progress) // decoration
	s.lines = bytes.Count(progress, []byte("\n"))
}

func (s *screen) erase() {
	if s.lines > 0 {
		fmt.Fprintf(s.w, "\x1b[%dA\x1b[J", s.lines)
		s.lines = 0
	}
}

// capture has what others write to this process's standard error, as credential plug-ins do, appear above the progress lines.
func (s *screen) capture() (release func()) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return func() {}
	}
	own := os.Stderr
	os.Stderr = writer
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 4096)
		for {
			n, err := reader.Read(buffer)
			if text := bytes.TrimSuffix(buffer[:n], []byte("\n")); len(text) > 0 {
				_, _ = s.Write(append(bytes.Clone(text), '\n')) // the progress lines begin on a line of their own
			}
			if err != nil {
				return
			}
		}
	}()
	return func() {
		os.Stderr = own
		_ = writer.Close()
		_ = reader.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // a plug-in that still runs holds the other end
		<-done
		_ = reader.Close()
	}
}

func isTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }

// width is the terminal's, or 0 where file is none.
func width(file *os.File) int {
	columns, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// above is standard output for a command that shows progress: where both are the same terminal, what is written appears above the
// progress lines.
func (a *app) above() io.Writer {
	if isTerminal(a.out) && isTerminal(a.errOut) {
		return a.screen
	}
	return a.out
}
