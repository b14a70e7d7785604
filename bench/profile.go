package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// share is a part of the processor time.
type share struct {
	Name    string  `json:"name"` // of a package or a function
	Percent float64 `json:"percent"`
}

// profile is where the processor time went, the largest first.
type profile struct {
	Packages  []share `json:"packages"`  // spent in their own functions, without what those call
	Functions []share `json:"functions"` // k8sq's own, each with the libraries and the runtime that it calls, and the garbage collector
}

// readProfile reads a CPU profile.
func readProfile(ctx context.Context, binary, file string) (p profile, err error) {
	if p.Packages, err = top(ctx, packageOf, binary, file); err != nil {
		return profile{}, err
	}
	// What is not shown counts as its nearest caller that is.
	p.Functions, err = top(ctx, shorten, "-show="+module+"|^runtime.gcBgMarkWorker$", binary, file)
	return p, err
}

const module = "github.com/k8sq/k8sq"

// top sums the time of each function under its name.
func top(ctx context.Context, name func(symbol string) string, arguments ...string) ([]share, error) {
	arguments = append([]string{"tool", "pprof", "-top", "-nodecount=100000", "-nodefraction=0", "-unit=ms"}, arguments...)
	output, err := exec.CommandContext(ctx, "go", arguments...).Output()
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	sums, total := map[string]float64{}, 0.0
	for line := range strings.Lines(string(output)) {
		// flat flat% sum% cum cum% function
		fields := strings.Fields(line)
		if len(fields) < 6 {
			continue
		}
		milliseconds, err := strconv.ParseFloat(strings.TrimSuffix(fields[0], "ms"), 64)
		if err != nil {
			continue // The table's heading.
		}
		sums[name(strings.TrimSuffix(strings.Join(fields[5:], " "), " (inline)"))] += milliseconds
		total += milliseconds
	}
	if total == 0 {
		return nil, errors.New("read the profile: it holds no samples")
	}
	return sharesOf(sums, total), nil
}

func sharesOf(sums map[string]float64, total float64) []share {
	var shares []share
	for name, milliseconds := range sums {
		if percent := 100 * milliseconds / total; percent >= 0.1 {
			shares = append(shares, share{name, percent})
		}
	}
	slices.SortFunc(shares, func(a, b share) int {
		return cmp.Or(cmp.Compare(b.Percent, a.Percent), strings.Compare(a.Name, b.Name))
	})
	return shares
}

// shorten leaves out the module and the type arguments, which hold whole structs.
func shorten(symbol string) string {
	symbol = strings.TrimPrefix(symbol, module+"/")
	before, _, _ := strings.Cut(symbol, "[")
	_, after, _ := strings.Cut(symbol[len(before):], "])")
	if after != "" {
		return before + ")" + after // A method of a generic type.
	}
	return before
}

// packageOf gives the package of a function's symbol: "runtime" of "runtime.mallocgc", "net/http" of "net/http.(*conn).serve".
// A symbol without a package is C's or the assembler's.
func packageOf(symbol string) string {
	symbol, _, _ = strings.Cut(symbol, "[") // Type arguments hold packages too.
	slash := strings.LastIndexByte(symbol, '/') + 1
	name, _, found := strings.Cut(symbol[slash:], ".")
	if !found {
		return "(assembly and C)"
	}
	return symbol[:slash] + name
}
