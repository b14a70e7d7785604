package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8sq/k8sq/cmd/k8sq/render"
	"github.com/k8sq/k8sq/config"
	"github.com/k8sq/k8sq/sql"
)

type noiseOptions struct {
	objects
	since, until string
	limit        int
	output       string
}

func newNoiseCmd(a *app) *cobra.Command {
	var options noiseOptions
	cmd := &cobra.Command{
		Use:   "noise",
		Short: "Rank the fields that change most, and print what silences them",
		Long: `Ranks the fields of each type by the number of updates that touched them, with
the bytes of their old and new values. Elements of lists count together:
status.conditions[*].lastUpdateTime.

Below stands a block for k8sq.hcl that ignores those that are noise: heartbeat
times, counters, resource versions and leader elections, and other fields of
status unless they say how an object is (a phase, a condition's status, a
replica count). It says how many updates would not have been recorded with it.
Ignored fields are stored all the same whenever something else changes; history
that is there already stays.
` + exitCodesHelp,
		Example: `  k8sq noise
  k8sq noise --since 30d --type pod
  k8sq noise -o json | jq .ignore_fields`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runNoise(cmd.Context(), options) },
	}
	flags := cmd.Flags()
	flags.StringVar(&options.since, "since", "7d", "from then on: so long ago (90m, 24h, 7d, 2w), a date, or a `TIME` in UTC")
	flags.StringVar(&options.until, "until", "", "before then: as --since; now if left out")
	options.flags(cmd)
	flags.IntVar(&options.limit, "limit", 20, "rank so many fields at most; 0 for all")
	flags.StringVarP(&options.output, "output", "o", "table", "table or json")
	return cmd
}

// noise is what noise -o json prints.
type noise struct {
	Since        time.Time  `json:"since"`
	Until        *time.Time `json:"until,omitempty"`
	Updates      int64      `json:"updates"`    // recorded in the period
	DiffBytes    int64      `json:"diff_bytes"` // of their diffs
	Fields       []field    `json:"fields"`
	IgnoreFields []string   `json:"ignore_fields"`
	Saved        int64      `json:"saved_updates"` // that IgnoreFields would have kept from being recorded
	SavedBytes   int64      `json:"saved_diff_bytes"`
}

// field is a path of a type.
type field struct {
	Type    string  `json:"type"`
	Path    string  `json:"path"` // with [*] for every index
	Class   string  `json:"class"`
	Updates int64   `json:"updates"` // that touched it
	Share   float64 `json:"share"`   // of all updates
	Bytes   int64   `json:"bytes"`   // of its old and new values
	Example string  `json:"example"` // cluster and object that it changed in last
	Manager string  `json:"manager"` // who changed such objects most often; empty where nobody is known
	Why     string  `json:"why"`     // it is taken for noise; empty where it is not
}

const (
	// generalPath is the path without the places in lists. A quoted key that ends like one is left alone.
	generalPath = `regexp_replace(%s, '\[[0-9]+\]', '[*]', 'g')`
	isTime      = `regexp_full_match(coalesce(%s::VARCHAR, ''), '"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z|[+-][0-9:]+)?"')`
)

var (
	// meaningfulStatus are the fields of status that say how an object is.
	meaningfulStatus = regexp.MustCompile(`(^|[.\]])(phase|state|lastState|health|status|reason|message|type|ready|started|restartCount|exitCode|conditions\[\*\]` +
		`|\w*[rR]eplicas|number[A-Z]\w*|succeeded|failed|active|image|imageID|\w*IPs?|ip|hostname|capacity|allocatable|volumesAttached` +
		`|lastTransitionTime|startTime|completionTime|startedAt|finishedAt)(\.|\[|$)`)
	heartbeatName = regexp.MustCompile(`(?i)(heartbeat|renewtime|lastprobetime|lastupdatetime|lastupdated|lastsync|lastrefresh|lastreconcil|reconciledat|lastscheduletime` +
		`|observedgeneration|resourceversion|last-?change|timestamp|checked-?at)[^.\[]*$`)
	leaderName = regexp.MustCompile(`control-plane\.alpha\.kubernetes\.io/leader|leader-?elect`)
)

// noiseReason says why a field is taken for noise, "" where it is none: what people write (spec, data) never is, unless it is a leader
// election.
func noiseReason(f field, times, counts bool) string {
	inStatus, isStatus := strings.CutPrefix(f.Path, "status.")
	bookkeeping := isStatus || strings.HasPrefix(f.Path, "metadata.annotations") || f.Path == "metadata.resourceVersion" || f.Path == "metadata.generation"
	switch {
	case leaderName.MatchString(f.Path):
		return "leader election"
	case !bookkeeping:
		return ""
	case f.Path == "metadata.generation":
		return "follows others"
	case heartbeatName.MatchString(f.Path):
		return "heartbeat"
	case isStatus && meaningfulStatus.MatchString(inStatus):
		return ""
	case times:
		return "heartbeat"
	case counts:
		return "counter"
	case isStatus:
		return "status"
	}
	return ""
}

func (a *app) runNoise(ctx context.Context, options noiseOptions) error {
	if options.output != string(render.Table) && options.output != string(render.JSON) {
		return usageError("--output: %q is neither table nor json", options.output)
	}
	if options.limit < 0 {
		return usageError("--limit: %d is negative", options.limit)
	}
	asked, err := parsePeriod(options.since, options.until, time.Now())
	if err != nil {
		return err
	}
	engine, err := a.openEngine(ctx)
	if err != nil {
		return err
	}
	defer engine.Close()
	where := strings.Join(append([]string{"operation = 'updated'", asked.condition()}, options.conditions()...), " AND ")
	found := noise{Since: asked.since, Fields: []field{}, IgnoreFields: []string{}}
	if !asked.until.IsZero() {
		found.Until = &asked.until
	}
	if err := found.rank(ctx, engine, where, options.limit); err != nil {
		return err
	}
	if err := found.save(ctx, engine, where); err != nil {
		return err
	}
	if options.output == string(render.JSON) {
		encoder := json.NewEncoder(a.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(found)
	}
	if found.Updates == 0 {
		a.hint("No updates %s%s.", asked, options.objects)
		return a.lastSyncs(ctx, engine, options.clusters)
	}
	return a.showNoise(ctx, found, asked)
}

// rank finds the fields that change most often, and which of them are noise.
func (n *noise) rank(ctx context.Context, engine *sql.Engine, where string, limit int) error {
	text := "WITH touched AS (SELECT type, " + fmt.Sprintf(generalPath, "path") + " AS general, any_value(class) AS class, cluster, resource_id, to_version," +
		" max(captured_at) AS captured, any_value(array_to_string(managers, ', ')) AS manager," +
		" sum(coalesce(strlen(old::VARCHAR), 0) + coalesce(strlen(new::VARCHAR), 0)) AS bytes," +
		" bool_and(" + fmt.Sprintf(isTime, "new") + " AND (old IS NULL OR " + fmt.Sprintf(isTime, "old") + ")) AS times," +
		" bool_and(coalesce(TRY_CAST(trim(new::VARCHAR, '\"') AS DOUBLE) > TRY_CAST(trim(old::VARCHAR, '\"') AS DOUBLE), false)) AS counts" +
		" FROM field_changes WHERE " + where + " GROUP BY type, general, cluster, resource_id, to_version)" +
		" SELECT type, general, any_value(class), count(*) AS updates, sum(bytes)::BIGINT AS bytes, max({'captured': captured, 'example': cluster || ' ' || resource_id}).example," +
		" mode(manager) FILTER (WHERE manager <> ''), bool_and(times), bool_and(counts) AND count(*) > 2 FROM touched GROUP BY type, general" +
		" ORDER BY updates DESC, bytes DESC, type, general"
	if limit > 0 {
		text += fmt.Sprintf(" LIMIT %d", limit)
	}
	totals, err := oneRow(ctx, engine, "SELECT count(*), coalesce(sum(strlen(diff::VARCHAR)), 0)::BIGINT FROM changes WHERE "+where)
	if err != nil {
		return err
	}
	n.Updates, _ = totals[0].(int64)
	n.DiffBytes, _ = totals[1].(int64)
	rows, err := engine.Query(ctx, text)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next(ctx) {
		values := rows.Values()
		f := field{Type: str(values[0]), Path: str(values[1]), Class: str(values[2]), Example: str(values[5]), Manager: str(values[6])}
		f.Updates, _ = values[3].(int64)
		f.Bytes, _ = values[4].(int64)
		times, _ := values[7].(bool)
		counts, _ := values[8].(bool)
		if n.Updates > 0 {
			f.Share = float64(f.Updates) / float64(n.Updates)
		}
		f.Why = noiseReason(f, times, counts)
		n.Fields = append(n.Fields, f)
	}
	return rows.Err()
}

// save collects what to ignore: the noise that at least one update consists of. A path is ignored in every type, so where it means
// something in one it is left out.
func (n *noise) save(ctx context.Context, engine *sql.Engine, where string) error {
	meant := map[string]bool{}
	var candidates []string
	for _, f := range n.Fields {
		meant[f.Path] = meant[f.Path] || f.Why == ""
	}
	for _, f := range n.Fields {
		if !meant[f.Path] && !slices.Contains(candidates, f.Path) {
			candidates = append(candidates, f.Path)
		}
	}
	if len(candidates) == 0 {
		return nil
	}
	general := "list_distinct(list_transform(paths, lambda p : " + fmt.Sprintf(generalPath, "p") + "))"
	saved, err := oneRow(ctx, engine, "SELECT count(*), coalesce(sum(bytes), 0)::BIGINT, list_distinct(flatten(list(general))) FROM (SELECT strlen(diff::VARCHAR) AS bytes, "+
		general+" AS general FROM changes WHERE "+where+" AND len(paths) > 0) WHERE list_has_all(["+literals(candidates)+"], general)")
	if err != nil {
		return err
	}
	n.Saved, _ = saved[0].(int64)
	n.SavedBytes, _ = saved[1].(int64)
	helps, _ := saved[2].(sql.List)
	for _, path := range candidates {
		if slices.ContainsFunc(helps, func(p any) bool { return str(p) == path }) {
			n.IgnoreFields = append(n.IgnoreFields, path)
		}
	}
	return nil
}

func (a *app) showNoise(ctx context.Context, n noise, asked period) error {
	columns := width(a.out)
	table := list{columns: []sql.Column{
		{Name: "updates", Type: "VARCHAR"}, {Name: "share", Type: "VARCHAR"}, {Name: "bytes", Type: "VARCHAR"}, {Name: "type", Type: "VARCHAR"},
		{Name: "path", Type: "VARCHAR"}, {Name: "noise", Type: "VARCHAR"}, {Name: "manager", Type: "VARCHAR"}, {Name: "example", Type: "VARCHAR"},
	}}
	narrow := columns > 0 && columns < narrowTerminal
	for _, f := range n.Fields {
		kind := f.Type
		if narrow {
			kind = shortKind(kind[strings.LastIndexByte(kind, '.')+1:])
		}
		table.rows = append(table.rows, []any{
			count(f.Updates), fmt.Sprintf("%.1f %%", 100*f.Share), size(f.Bytes), kind, f.Path, f.Why, f.Manager, f.Example,
		})
	}
	if narrow { // the example and the manager are in -o json
		table.columns = table.columns[:6]
		for i := range table.rows {
			table.rows[i] = table.rows[i][:6]
		}
	}
	for i := range 3 {
		rightAlign(table.rows, i)
	}
	room := table.room(columns, 4, map[string]int{"example": 24, "manager": 16, "type": 30})
	for _, row := range table.rows {
		if path := row[4].(string); room > 0 && length(path) > room {
			row[4] = render.Line(lastSteps(path, room), room)
		}
	}
	if _, err := fmt.Fprintf(a.out, "%s %s, %s of diffs. What changed most often:\n\n", plural(n.Updates, "update"), asked, size(n.DiffBytes)); err != nil {
		return err
	}
	if _, err := render.Write(ctx, a.out, &table, render.Table, render.Options{Width: columns, Color: a.color()}); err != nil {
		return err
	}
	if len(n.IgnoreFields) == 0 {
		_, err := fmt.Fprintln(a.out, "\nNo update consists of noise alone.")
		return err
	}
	_, err := fmt.Fprintf(a.out, "\nWith this in k8sq.hcl, %s of them (%.0f %%, %s) would not have been recorded:\n\n%s",
		count(n.Saved), 100*float64(n.Saved)/float64(n.Updates), size(n.SavedBytes), n.block())
	if hclFile, statErr := os.Stat(a.configPath); err == nil && statErr == nil && !hclFile.IsDir() {
		a.hint("Put it into the collect block of %s.", a.configPath)
	}
	return err
}

// block is the ignore_fields as HCL, each with why and of which kinds.
func (n noise) block() string {
	comments := make([]string, len(n.IgnoreFields))
	for i, path := range n.IgnoreFields {
		var where []string
		for _, f := range n.Fields {
			if f.Path == path {
				where, comments[i] = append(where, f.Type[strings.LastIndexByte(f.Type, '.')+1:]), f.Why
			}
		}
		slices.Sort(where)
		comments[i] += ": " + strings.Join(slices.Compact(where), ", ")
	}
	return config.IgnoreFields(n.IgnoreFields, comments)
}

// rightAlign pads the cells of a column on the left: numbers with units are texts.
func rightAlign(rows [][]any, column int) {
	widest := 0
	for _, row := range rows {
		widest = max(widest, len(row[column].(string)))
	}
	for _, row := range rows {
		row[column] = fmt.Sprintf("%*s", widest, row[column])
	}
}
