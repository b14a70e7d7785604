package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/k8sq/k8sq/sql"
)

func TestLeaves(t *testing.T) {
	leaves, err := leavesOf(`{"added":{"spec.list[10]":1,"spec.list[9]":1,"data.a":"x"},"removed":{"status.phase":null},"updated":{"metadata.labels['a.b/c']":{"from":"1","to":"2"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, l := range leaves {
		lines = append(lines, l.line(0))
	}
	const want = "+ spec.list[9]: 1\n+ spec.list[10]: 1\n+ data.a: \"x\"\n~ metadata.labels['a.b/c']: \"1\" → \"2\"\n- status.phase: null"
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	const attribution = `{"data.a":[{"manager":"kubectl-edit","operation":"Update","confidence":"certain"}],"status.phase":[{"manager":"a","confidence":"possible"},{"manager":"b","confidence":"possible"}]}`
	if err := attribute(leaves, attribution); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[int]string{0: "+ spec.list[9]: 1", 2: `+ data.a: "x"  by kubectl-edit`, 4: "- status.phase: null  by a (possible), b (possible)"} {
		if got := leaves[at].line(0); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	long := leaf{path: "data.text", to: `"` + strings.Repeat("x", 100) + `"`, who: "kubectl-edit"}
	if got := long.line(50); length(got) != 50 || !strings.HasSuffix(got, "…  by kubectl-edit") {
		t.Errorf("%q", got)
	}
	if _, err := leavesOf(`{"added":[]}`); err == nil {
		t.Error("a diff of another form was taken")
	}
}

func TestSummaryOf(t *testing.T) {
	image := leaf{path: "spec.template.spec.containers[0].image", from: `"registry.example.com/shop/web:1.4"`, to: `"registry.example.com/shop/web:1.5"`}
	annotation := leaf{path: "metadata.annotations['example.com/checked.by']", to: `"me"`}
	for _, c := range []struct {
		width  int
		leaves []leaf
		want   string
	}{
		{0, nil, ""},
		{20, []leaf{{path: "spec.replicas", from: "2", to: "5"}}, "spec.replicas 2 → 5"},
		{0, []leaf{image}, "spec.template.spec.containers[0].image registry.example.com/shop/web:1.4 → registry.example.com/shop/web:1.5"},
		{60, []leaf{image, image}, "…spec.containers[0].image …op/web:1.4 → …op/web:1.5, +1 more"},
		{36, []leaf{image}, "…image …shop/web:1.4 → …shop/web:1.5"},
		{21, []leaf{image}, "…image → …hop/web:1.5"},
		{0, []leaf{annotation}, "metadata.annotations['example.com/checked.by'] = me"},
		{40, []leaf{annotation}, "…['example.com/checked.by'] = me"},
		{30, []leaf{{path: "spec.paused", from: "true"}}, "spec.paused removed"},
		{16, []leaf{{path: "data.text", from: `"a"`, to: `"line\none"`}}, `…text → line\no…`},
		{40, []leaf{{path: "data.text", from: `"a"`, to: `"\u001b[31m"`}}, "data.text a → \x1b[31m"}, // which the table escapes
	} {
		got := summaryOf(c.leaves, c.width)
		if got != c.want || c.width > 0 && length(got) > c.width {
			t.Errorf("%d: %q (%d wide), want %q", c.width, got, length(got), c.want)
		}
	}
}

func TestOnlyHashes(t *testing.T) {
	const a, b = "hmac-sha256:0123456789abcdef0123456789abcdef", "hmac-sha256:fedcba9876543210fedcba9876543210"
	for diff, want := range map[string]bool{
		`{"updated":{"data.a":{"from":"` + a + `","to":"` + b + `"}}}`:                                         true,
		`{"updated":{"spec.args[0]":{"from":"--token=` + a + `","to":"--token=` + b + `"}}}`:                   true,
		`{"updated":{"data.a":{"from":"` + a + `","to":"` + b + `"}},"added":{"data.b":"` + b + `"}}`:          false,
		`{"updated":{"data.a":{"from":"` + a + `","to":"` + b + `"},"metadata.generation":{"from":1,"to":2}}}`: false,
		`{"updated":{"data.a":{"from":"` + a + `","to":"plain"}}}`:                                             false,
		`{}`: false,
		``:   false,
	} {
		if got := onlyHashes([]byte(diff)); got != want {
			t.Errorf("%s: %v", diff, got)
		}
	}
}

func TestPeriod(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"24h": "2026-11-23 12:00:00", "7d": "2026-11-17 12:00:00", "2w": "2026-11-10 12:00:00", "90m": "2026-11-24 10:30:00", "1.5d": "2026-11-23 00:00:00",
		"1h30m": "2026-11-24 10:30:00", "2026-11-20": "2026-11-20 00:00:00", "2026-11-20 08:30": "2026-11-20 08:30:00", "2026-11-20T08:30:05Z": "2026-11-20 08:30:05",
		"2026-11-20T08:30:00+02:00": "2026-11-20 06:30:00", "2026-11-20 08:30:00.5": "2026-11-20 08:30:00",
	} {
		if at, err := parseWhen("since", text, now); err != nil || stamp(at) != want {
			t.Errorf("%s: %s, %v; want %s", text, stamp(at), err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "-1h", "7", "2026-13-01", "99999999999999999999d", "0001-01-01"} {
		_, err := parseWhen("since", text, now)
		if exit := new(exitError); !errors.As(err, &exit) || exit.code != exitUsage {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestConditions: what a user types cannot end the text it stands in, and * is all that stands for anything.
func TestConditions(t *testing.T) {
	for text, want := range map[string]string{
		"apps.v1.Deployment": "type = 'apps.v1.Deployment'",
		"*.Secret":           `type LIKE '%.Secret' ESCAPE '\'`,
		"policies":           `(type ILIKE '%.policies' ESCAPE '\' OR type ILIKE '%.policy' ESCAPE '\' OR type ILIKE '%.policie' ESCAPE '\')`,
		"a%_b'":              `(type ILIKE '%.a\%\_b''' ESCAPE '\')`,
	} {
		if got := typeCondition(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got := sql.Literal("it's"); got != "'it''s'" {
		t.Error(got)
	}
}
