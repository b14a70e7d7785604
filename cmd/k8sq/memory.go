package main

import (
	"os"
	"runtime/debug"
)

// memoryAimed is how much memory a sync is meant to do with, however many clusters are collected side by side. It can take more: above it the garbage
// collector works harder, at half of the processor's time at most.
const memoryAimed = 350 << 20

// boundMemory has the garbage collector aim at that, unless the environment says otherwise (GOMEMLIMIT).
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryAimed)
	}
}
