//go:build !linux

package storetest

import "syscall"

// dieWithParent is a promise only Linux can keep. Elsewhere a server outlives a test process that is killed.
func dieWithParent() *syscall.SysProcAttr { return nil }
