// Command k8sq keeps the history of Kubernetes clusters as Parquet and answers questions about it in SQL.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process around it. The first signal cancels the context, so that a sync ends in order and a query stops;
// the second kills.
func run(args []string, in *os.File, out, errOut *os.File) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	// Whoever reads the output may have had enough, as `| head` has. Then the write fails, and the command ends in order, where the
	// signal would kill it and leave its temporary files. It is not ignored, which credential plug-ins would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	app := newApp(in, out, errOut)
	defer app.profile()()
	if isTerminal(errOut) {
		defer app.screen.capture()() // before a client is made, which keeps what it finds
	}
	root := newRootCmd(app)
	root.SetArgs(args)
	return app.exitCode(ctx, root.ExecuteContext(ctx))
}
