package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// version is stamped by the Makefile.
var version = "dev"

func newVersionCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.out, versionLine(a.version))
			return err
		},
	}
}

// versionLine is what both the command and --version print.
func versionLine(version string) string {
	return fmt.Sprintf("k8sq %s %s %s/%s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
