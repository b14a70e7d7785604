package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/k8sq/k8sq/collector"
)

// TestIdentityIsConfiguration: that a cluster is another than the configuration says is for the configuration to set right, also beside
// clusters that went well.
func TestIdentityIsConfiguration(t *testing.T) {
	refused := fmt.Errorf("sync prod: %w than the lake knows as prod", collector.ErrIdentity)
	if code := codeOf(errors.Join(nil, refused)); code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
}
