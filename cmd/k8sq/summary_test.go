package main

import (
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/collector"
)

// What a sync asked of a cluster is told where it says something, and what to change about it where it cost time.
func TestRequestsAreTold(t *testing.T) {
	const limits = "qps = 5, burst = 10"
	for _, test := range []struct {
		usage              collector.Usage
		line, hint, during string // what they contain, "" for an empty one
	}{
		{collector.Usage{}, "", "", ""},
		{collector.Usage{Requests: 1, Limits: limits}, ", 1 request", "", ""},
		{collector.Usage{Requests: 1200, Retries: 2, Limits: limits}, ", 1,200 requests, 2 of them again", "", ""},
		{collector.Usage{Requests: 9, Limits: limits, Waited: 300 * time.Millisecond}, "0.3 s held back by qps = 5, burst = 10", "", "held back by qps = 5, burst = 10: 0.3 s"},
		{collector.Usage{Requests: 9, Limits: limits, Waited: 2 * time.Second}, "2.0 s held back", "Raise qps and burst", "2.0 s"},
		{collector.Usage{Requests: 9, Retries: 3, Refused: 3, Limits: limits}, "3 refused as too many", "A lower qps or burst in its provider block (now qps = 5, burst = 10)", "3 refused"},
		{collector.Usage{Requests: 9, Retries: 3, Refused: 3}, "3 refused as too many", "A limit, qps,", "3 refused"},
	} {
		for what, got := range map[string][2]string{
			"line":   {requestsLine(test.usage), test.line},
			"hint":   {limitHint(collector.Result{Cluster: "east", Usage: test.usage}), test.hint},
			"during": {heldBack(test.usage), test.during},
		} {
			if !strings.Contains(got[0], got[1]) || (got[1] == "") != (got[0] == "") {
				t.Errorf("%+v: the %s is %q, want %q in it", test.usage, what, got[0], got[1])
			}
		}
		if summary := requestsOf(test.usage); (summary == nil) != (test.usage == collector.Usage{}) || summary != nil && summary.WaitedSeconds != test.usage.Waited.Seconds() {
			t.Errorf("%+v: the summary is %+v", test.usage, summary)
		}
	}
}
