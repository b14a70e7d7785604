package sql

import (
	"fmt"
	"strings"
	"testing"
)

// What the views pods and nodes call status, ready and restarts is what kubectl prints: printPod and printNode of kubernetes/pkg/printers.
func TestPodsAreAsKubectlShowsThem(t *testing.T) {
	const (
		one     = `"containers":[{"name":"a"}]`
		two     = `"containers":[{"name":"a"},{"name":"b"}]`
		inits   = one + `,"initContainers":[{"name":"i"},{"name":"j"}]`
		sidecar = one + `,"initContainers":[{"name":"i"},{"name":"s","restartPolicy":"Always"}]`
		runs    = `"ready":true,"started":true,"state":{"running":{}}`
		done    = `"state":{"terminated":{"exitCode":0,"reason":"Completed"}}`
		waits   = `{"name":"a","restartCount":0,"state":{"waiting":{"reason":"PodInitializing"}}}`
	)
	pods := []struct{ metadata, spec, status, want string }{
		{"", one, `"phase":"Pending"`, "Pending 0/1 0"},
		{"", one, `"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"SchedulingGated"}]`, "SchedulingGated 0/1 0"},
		{"", one, `"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":"ContainerCreating"}}}]`, "ContainerCreating 0/1 0"},
		{"", one, `"phase":"Running","containerStatuses":[{"restartCount":3,` + runs + `}]`, "Running 1/1 3"},
		{"", one, `"phase":"Failed","reason":"Evicted"`, "Evicted 0/1 0"},
		{"", one, `"phase":"Failed","containerStatuses":[{"state":{"terminated":{"exitCode":3}}}]`, "ExitCode:3 0/1 0"},
		{"", one, `"phase":"Failed","containerStatuses":[{"state":{"terminated":{"exitCode":137,"signal":9}}}]`, "Signal:9 0/1 0"},
		{"", one, `"phase":"Succeeded","containerStatuses":[{` + done + `}]`, "Completed 0/1 0"},
		{"", two, `"phase":"Running","conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{` + done + `},{` + runs + `}]`, "Running 1/2 0"},
		{"", two, `"phase":"Running","conditions":[{"type":"Ready","status":"False"}],"containerStatuses":[{` + done + `},{` + runs + `}]`, "NotReady 1/2 0"},
		{"", two, `"phase":"Running","containerStatuses":[{"state":{"waiting":{"reason":"CrashLoopBackOff"}},"restartCount":7},{` + runs + `}]`, "CrashLoopBackOff 1/2 7"},

		{"", inits, `"phase":"Pending","initContainerStatuses":[{"name":"i","restartCount":2,"state":{"running":{}}},{"name":"j","state":{"waiting":{"reason":"PodInitializing"}}}],"containerStatuses":[` + waits + `]`, "Init:0/2 0/1 2"},
		{"", inits, `"phase":"Pending","initContainerStatuses":[{"name":"i",` + done + `},{"name":"j","state":{"running":{}}}],"containerStatuses":[` + waits + `]`, "Init:1/2 0/1 0"},
		{"", inits, `"phase":"Pending","initContainerStatuses":[{"name":"i","restartCount":4,"state":{"waiting":{"reason":"CrashLoopBackOff"}}},{"name":"j","state":{"waiting":{"reason":"PodInitializing"}}}],"containerStatuses":[` + waits + `]`, "Init:CrashLoopBackOff 0/1 4"},
		{"", inits, `"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":5}}}]`, "Init:ExitCode:5 0/1 0"},
		{"", inits, `"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":{"exitCode":1,"reason":"Error"}}}]`, "Init:Error 0/1 0"},
		{"", inits, `"phase":"Running","conditions":[{"type":"Initialized","status":"True"}],"initContainerStatuses":[{"name":"i","restartCount":4,` + done + `},{"name":"j",` + done + `}],"containerStatuses":[{"name":"a","restartCount":1,` + runs + `}]`, "Running 1/1 1"},

		{"", sidecar, `"phase":"Pending","initContainerStatuses":[{"name":"i",` + done + `},{"name":"s","started":false,"state":{"running":{}}}],"containerStatuses":[` + waits + `]`, "Init:1/2 0/2 0"},
		{"", sidecar, `"phase":"Running","initContainerStatuses":[{"name":"i","restartCount":9,` + done + `},{"name":"s","restartCount":2,` + runs + `}],"containerStatuses":[{"name":"a","restartCount":1,` + runs + `}]`, "Running 2/2 3"},
		{"", sidecar, `"phase":"Running","conditions":[{"type":"Initialized","status":"True"}],"initContainerStatuses":[{"name":"i",` + done + `},{"name":"s","restartCount":2,"started":false,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}],"containerStatuses":[{"name":"a",` + runs + `}]`, "Init:CrashLoopBackOff 1/2 2"},

		{`,"deletionTimestamp":"2026-01-01T00:00:00Z"`, one, `"phase":"Running","containerStatuses":[{` + runs + `}]`, "Terminating 1/1 0"},
		{`,"deletionTimestamp":"2026-01-01T00:00:00Z"`, one, `"phase":"Succeeded","containerStatuses":[{` + done + `}]`, "Completed 0/1 0"},
		{`,"deletionTimestamp":"2026-01-01T00:00:00Z"`, one, `"phase":"Running","reason":"NodeLost"`, "Unknown 0/1 0"},
	}
	nodes := []struct{ labels, spec, status, want string }{
		{"", "", `{"type":"Ready","status":"True"}`, "Ready []"},
		{`"node-role.kubernetes.io/worker":"","kubernetes.io/role":"edge"`, "", `{"type":"Ready","status":"False"}`, "NotReady [edge worker]"},
		{"", `"unschedulable":true`, `{"type":"Ready","status":"Unknown"}`, "NotReady,SchedulingDisabled []"},
		{"", "", `{"type":"MemoryPressure","status":"True"}`, "Unknown []"},
	}
	h := &history{}
	var want []string
	for i, p := range pods {
		h.record(t, prod, on(1, "09:00"), "discovered",
			fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"x","name":"%02d"%s},"spec":{%s},"status":{%s}}`, i, p.metadata, p.spec, p.status), "")
		want = append(want, p.want)
	}
	for i, n := range nodes {
		h.record(t, prod, on(1, "09:00"), "discovered",
			fmt.Sprintf(`{"apiVersion":"v1","kind":"Node","metadata":{"name":"%02d","labels":{%s}},"spec":{%s},"status":{"conditions":[%s]}}`, i, n.labels, n.spec, n.status), "")
		want = append(want, n.want)
	}
	l := &folderLake{folder: t.TempDir()}
	h.write(t, l.folder)
	e := open(t, l, Options{})
	got := append(answer(t, e, "SELECT status || ' ' || ready_containers || '/' || containers || ' ' || restarts FROM pods ORDER BY name"),
		answer(t, e, "SELECT status || ' [' || array_to_string(roles, ' ') || ']' FROM nodes ORDER BY name")...)
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d: %s", len(got), len(want), strings.Join(got, "\n"))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("row %d is %q, kubectl shows %q", i, got[i], want[i])
		}
	}
}
