package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/k8sq/k8sq/sql"
)

// period is a stretch of time: from since on, before until; a zero until is open.
type period struct{ since, until time.Time }

var duration = regexp.MustCompile(`^(\d+(?:\.\d+)?)(s|m|h|d|w)$`)

// parseWhen reads a point in time: so long before now ("90m", "24h", "7d", "2w"), a date, or a time, which is UTC unless it says otherwise.
func parseWhen(flag, text string, now time.Time) (time.Time, error) {
	if match := duration.FindStringSubmatch(text); match != nil {
		n, err := strconv.ParseFloat(match[1], 64)
		unit := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[match[2]]
		if ago := n * float64(unit); err == nil && ago < float64(200*365*24*time.Hour) {
			return now.Add(-time.Duration(ago)).UTC().Truncate(time.Microsecond), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago).UTC().Truncate(time.Microsecond), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02"} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() >= 1970 {
			return at.UTC(), nil
		}
	}
	return time.Time{}, usageError("--%s: %q is neither so long ago (90m, 24h, 7d, 2w) nor a time (2026-11-20, \"2026-11-20 12:00\", 2026-11-20T12:00:00Z)", flag, text)
}

func parsePeriod(since, until string, now time.Time) (p period, err error) {
	if p.since, err = parseWhen("since", since, now); err != nil {
		return p, err
	}
	if until != "" {
		if p.until, err = parseWhen("until", until, now); err != nil {
			return p, err
		}
		if !p.until.After(p.since) {
			return p, usageError("--until: %s does not come after --since, %s", stamp(p.until), stamp(p.since))
		}
	}
	return p, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func (p period) String() string {
	if p.until.IsZero() {
		return "since " + stamp(p.since)
	}
	return fmt.Sprintf("between %s and %s", stamp(p.since), stamp(p.until))
}

// condition is the period as SQL over captured_at.
func (p period) condition() string {
	const layout = "2006-01-02 15:04:05.999999+00"
	text := "captured_at >= TIMESTAMPTZ " + sql.Literal(p.since.Format(layout))
	if !p.until.IsZero() {
		text += " AND captured_at < TIMESTAMPTZ " + sql.Literal(p.until.Format(layout))
	}
	return text
}

// objects are flags that choose objects, shared by the commands that ask about them.
type objects struct{ clusters, types, namespaces, names []string }

// conditions are the choice as SQL over cluster, type, namespace and name.
func (o objects) conditions() []string {
	var all []string
	if len(o.clusters) > 0 {
		all = append(all, anyOf(o.clusters, func(text string) string { return like("cluster", text, false) }))
	}
	if len(o.types) > 0 {
		all = append(all, anyOf(o.types, typeCondition))
	}
	if len(o.namespaces) > 0 {
		all = append(all, anyOf(o.namespaces, func(text string) string { return like("namespace", text, false) }))
	}
	if len(o.names) > 0 {
		all = append(all, anyOf(o.names, func(text string) string { return like("name", text, false) }))
	}
	return all
}

// String says which objects were chosen: " of deployment in namespace shop of cluster prod".
func (o objects) String() string {
	text := ""
	for _, part := range []struct {
		word   string
		values []string
	}{{"of type", o.types}, {"named", o.names}, {"in namespace", o.namespaces}, {"of cluster", o.clusters}} {
		if len(part.values) > 0 {
			text += " " + part.word + " " + strings.Join(part.values, " or ")
		}
	}
	return text
}

func anyOf(values []string, condition func(string) string) string {
	parts := make([]string, len(values))
	for i, value := range values {
		parts[i] = condition(value)
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// like compares a column with a text in which * stands for any run of characters.
func like(column, text string, anyCase bool) string {
	operator := "LIKE"
	switch {
	case anyCase:
		operator = "ILIKE"
	case !strings.Contains(text, "*"):
		return column + " = " + sql.Literal(text)
	}
	return column + " " + operator + " " + sql.Literal(strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`, "*", "%").Replace(text)) + ` ESCAPE '\'`
}

// typeCondition takes a resource type with *, or a kind as people write it: Deployment, deployment, deployments.
func typeCondition(text string) string {
	if strings.Contains(text, ".") {
		return like("type", text, false)
	}
	candidates := []string{text}
	lower := strings.ToLower(text)
	for _, ending := range []struct{ plural, singular string }{{"ies", "y"}, {"ses", "s"}, {"s", ""}} {
		if stem, found := strings.CutSuffix(lower, ending.plural); found && stem != "" {
			candidates = append(candidates, stem+ending.singular)
		}
	}
	return anyOf(candidates, func(kind string) string { return like("type", "*."+kind, true) })
}

// oneOf checks the values of a flag that takes some of a few words.
func oneOf(flag string, values []string, known ...string) error {
	for _, value := range values {
		found := false
		for _, word := range known {
			found = found || value == word
		}
		if !found {
			return usageError("--%s: %q is none of %s", flag, value, strings.Join(known, ", "))
		}
	}
	return nil
}

// shortTime writes a time for a narrow terminal.
func shortTime(t time.Time) string { return t.UTC().Format("01-02 15:04") }
