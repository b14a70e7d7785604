package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// share is the processor time spent in the functions of one package, without what they call.
type share struct {
	Package string  `json:"package"`
	Percent float64 `json:"percent"`
}

// byPackage sums a CPU profile by package, the largest first.
func byPackage(ctx context.Context, binary, profile string) ([]share, error) {
	output, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-nodecount=100000", "-nodefraction=0", "-unit=ms", binary, profile).Output()
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	sums, total := map[string]float64{}, 0.0
	for line := range strings.Lines(string(output)) {
		// flat flat% sum% cum cum% function
		fields := strings.Fields(line)
		if len(fields) < 6 || !strings.HasSuffix(fields[0], "ms") && fields[0] != "0" {
			continue
		}
		milliseconds, err := strconv.ParseFloat(strings.TrimSuffix(fields[0], "ms"), 64)
		if err != nil {
			continue // The table's heading.
		}
		sums[packageOf(strings.Join(fields[5:], " "))] += milliseconds
		total += milliseconds
	}
	if total == 0 {
		return nil, fmt.Errorf("read the profile: %s holds no samples", profile)
	}
	var shares []share
	for name, milliseconds := range sums {
		shares = append(shares, share{name, 100 * milliseconds / total})
	}
	slices.SortFunc(shares, func(a, b share) int {
		if a.Percent != b.Percent {
			return int(100*b.Percent) - int(100*a.Percent)
		}
		return strings.Compare(a.Package, b.Package)
	})
	return shares, nil
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
