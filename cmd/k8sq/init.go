package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/k8sq/k8sq/config"
)

func newInitCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Write k8sq.hcl, with a provider block for each kubeconfig context",
		Long: `Writes k8sq.hcl, or the file that --config names, with a provider block for
each context of the kubeconfig files that KUBECONFIG names, else of
~/.kube/config. A context that cannot be used, for want of its cluster or its
user, is left out with a comment. It never overwrites a file.
` + exitCodesHelp,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.runInit() },
	}
}

func (a *app) runInit() error {
	path := a.configPath
	if path == "" {
		path = config.Name
	}
	found, err := contexts()
	if err != nil {
		return usageError("%w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usageError("%s exists already. Edit it, or name another file with --config.", path)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	if _, err := file.WriteString(config.Generate(found, a.lakeURL)); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := file.Close(); err != nil {
		return err
	}
	usable := 0
	for _, context := range found {
		if context.Problem == "" {
			usable++
			continue
		}
		a.hint("Warning: the context %q is left out. %s", context.Name, strings.TrimSuffix(context.Problem, ".")+".")
	}
	clusters := plural(int64(usable), "cluster")
	if len(found) == 0 {
		clusters = "no cluster, as no kubeconfig has a context"
	}
	_, err = fmt.Fprintf(a.out, "Wrote %s with %s.\nNext: k8sq validate --connect, then k8sq sync.\n", path, clusters)
	return err
}
