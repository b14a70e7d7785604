package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/k8sq/k8sq/cmd/k8sq/render"
	"github.com/k8sq/k8sq/sql"
)

type changesOptions struct {
	objects
	since, until        string
	operations, classes []string
	all, diff           bool
	limit               int
	output              string
}

// screenful is how many changes a table shows unless --limit says otherwise.
const screenful = 50

func newChangesCmd(a *app) *cobra.Command {
	var options changesOptions
	cmd := &cobra.Command{
		Use:   "changes",
		Short: "Show what was created, updated and deleted",
		Long: `Shows what changed, the newest first, one line a change: when, which object,
what, and by whom. "Who" are the managers that Kubernetes itself names, which
are programs and not people.

Updates that touch nothing but status, or metadata that follows from other
changes (resourceVersion, generation, leader elections), are hidden, and their
number is told; --all shows them.
` + exitCodesHelp,
		Example: `  k8sq changes
  k8sq changes --since 7d --type deployment --namespace shop --diff
  k8sq changes --since "2026-11-20 12:00" --until "2026-11-20 13:00" --all
  k8sq changes --operation deleted --since 30d
  k8sq changes --class spec -o ndjson`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("limit") && options.output != string(render.Table) {
				options.limit = 0
			}
			return a.runChanges(cmd.Context(), options)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&options.since, "since", "24h", "from then on: so long ago (90m, 24h, 7d, 2w), a date, or a `TIME` in UTC")
	flags.StringVar(&options.until, "until", "", "before then: as --since; now if left out")
	options.flags(cmd)
	flags.StringSliceVar(&options.operations, "operation", nil, "only created, updated or deleted")
	flags.StringSliceVar(&options.classes, "class", nil, "of the updates only those of spec, metadata, status or data; shows status too if it is named")
	flags.BoolVar(&options.all, "all", false, "also what is hidden by default: updates of nothing but status, or of metadata that follows from others")
	flags.BoolVar(&options.diff, "diff", false, "below each change, a line for each path: + added, ~ updated, - removed")
	flags.IntVar(&options.limit, "limit", screenful, "show so many at most; 0 for all, which every format but table does unless told otherwise")
	flags.StringVarP(&options.output, "output", "o", "table", "table, json, ndjson or csv")
	return cmd
}

// flags adds the flags that choose objects.
func (o *objects) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&o.clusters, "cluster", nil, "only of this `CLUSTER`")
	flags.StringSliceVar(&o.types, "type", nil, "only of this `TYPE`: a kind (deployment), or a resource type (apps.v1.Deployment); * stands for anything")
	flags.StringSliceVarP(&o.namespaces, "namespace", "n", nil, "only in this `NAMESPACE`; * stands for anything")
	flags.StringSliceVar(&o.names, "name", nil, "only objects of this `NAME`; * stands for anything")
}

// followingMetadata are the metadata paths that change because something else does, or that a leader election writes, as a regular expression
// of RE2.
const followingMetadata = `metadata\.(resourceVersion|generation|managedFields)([.\[]|$)` +
	`|metadata\.annotations\['(control-plane\.alpha\.kubernetes\.io/leader|deployment\.kubernetes\.io/revision|deprecated\.daemonset\.template\.generation|endpoints\.kubernetes\.io/last-change-trigger-time)'\]`

// churn matches the paths that are hidden by default.
const churn = `^(status([.\[]|$)|` + followingMetadata + `)`

// isChurn is churn in Go: both are RE2.
var isChurn = regexp.MustCompile(churn)

// told are the leaves that the table speaks of: without churn, unless there is nothing else.
func (c change) told() []leaf {
	var meant []leaf
	for _, leaf := range c.leaves {
		if !isChurn.MatchString(leaf.path) {
			meant = append(meant, leaf)
		}
	}
	if len(meant) == 0 {
		return c.leaves
	}
	return meant
}

// meaningful is the SQL condition under which a change is shown.
func (o changesOptions) meaningful() string {
	var path string
	switch {
	case len(o.classes) > 0:
		path = "(CASE regexp_extract(p, '^[A-Za-z0-9_]+') WHEN 'spec' THEN 'spec' WHEN 'metadata' THEN 'metadata' WHEN 'status' THEN 'status' ELSE 'data' END) IN (" +
			literals(o.classes) + ")"
		if !o.all {
			path += " AND NOT regexp_matches(p, " + sql.Literal("^("+followingMetadata+")") + ")"
		}
	case o.all:
		return "true"
	default:
		path = "NOT regexp_matches(p, " + sql.Literal(churn) + ")"
	}
	return "(operation <> 'updated' OR len(coalesce(paths, [])) = 0 OR len(list_filter(paths, lambda p : " + path + ")) > 0)"
}

func literals(values []string) string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = sql.Literal(value)
	}
	return strings.Join(quoted, ", ")
}

func (a *app) runChanges(ctx context.Context, options changesOptions) error {
	format, err := render.ParseFormat(options.output)
	if err != nil {
		return usageError("--output: %w", err)
	}
	if options.diff && format != render.Table {
		return usageError("--diff is for the table; the other formats have the whole diff anyway")
	}
	if options.limit < 0 {
		return usageError("--limit: %d is negative", options.limit)
	}
	asked, err := parsePeriod(options.since, options.until, time.Now())
	if err == nil {
		err = oneOf("operation", options.operations, "created", "updated", "deleted")
	}
	if err == nil {
		err = oneOf("class", options.classes, "spec", "metadata", "status", "data")
	}
	if err != nil {
		return err
	}
	engine, err := a.openEngine(ctx)
	if err != nil {
		return err
	}
	defer engine.Close()
	conditions := append([]string{asked.condition()}, options.conditions()...)
	if len(options.operations) > 0 {
		conditions = append(conditions, "operation IN ("+literals(options.operations)+")")
	}
	from := "FROM changes WHERE " + strings.Join(conditions, " AND ")
	text := "SELECT captured_at, cluster, type, namespace, name, resource_id, operation, from_version, to_version, managers, modified_at, paths, diff, attribution " +
		from + " AND " + options.meaningful() + " ORDER BY captured_at DESC, cluster, type, resource_id, to_version DESC"
	if options.limit > 0 {
		text += fmt.Sprintf(" LIMIT %d", options.limit)
	}
	rows, err := engine.Query(ctx, text)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns := width(a.out)
	if format != render.Table {
		_, err = render.Write(ctx, a.out, rows, format, render.Options{})
	} else {
		var found []change
		if found, err = readChanges(ctx, rows, options.classes); err == nil {
			err = a.showChanges(ctx, found, options, columns)
		}
	}
	if err != nil {
		return err
	}
	_ = rows.Close()
	return a.changesFooter(ctx, engine, options, asked, from)
}

// change is a row of the changes table as people see it.
type change struct {
	at                                         time.Time
	cluster, kind, resourceType, id, operation string
	from, to                                   int64
	managers                                   []string
	leaves                                     []leaf // of an update, those that were asked for
}

func readChanges(ctx context.Context, rows *sql.Rows, classes []string) ([]change, error) {
	var found []change
	for rows.Next(ctx) {
		values := rows.Values()
		c := change{cluster: str(values[1]), resourceType: str(values[2]), id: str(values[5]), operation: str(values[6])}
		c.at, _ = values[0].(time.Time)
		c.from, _ = values[7].(int64)
		c.to, _ = values[8].(int64)
		c.kind = c.resourceType[strings.LastIndexByte(c.resourceType, '.')+1:]
		if managers, ok := values[9].(sql.List); ok {
			for _, manager := range managers {
				c.managers = append(c.managers, str(manager))
			}
		}
		leaves, err := leavesOf(str(values[12]))
		if err != nil {
			return nil, fmt.Errorf("%s %s, version %d: %w", c.resourceType, c.id, c.to, err)
		}
		if err := attribute(leaves, str(values[13])); err != nil {
			return nil, fmt.Errorf("%s %s, version %d: %w", c.resourceType, c.id, c.to, err)
		}
		for _, leaf := range leaves {
			if len(classes) == 0 || oneOf("", []string{classOf(leaf.path)}, classes...) == nil {
				c.leaves = append(c.leaves, leaf)
			}
		}
		found = append(found, c)
	}
	return found, rows.Err()
}

func str(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case sql.JSON:
		return string(v)
	}
	return ""
}

// sign is the operation's, as a plan has it.
func (c change) sign() string {
	switch c.operation {
	case "created":
		return "+"
	case "deleted":
		return "-"
	}
	return "~"
}

// who names the managers in a cell.
func (c change) who() string {
	const few = 2
	if len(c.managers) <= few {
		return strings.Join(c.managers, ", ")
	}
	return fmt.Sprintf("%s, +%d more", strings.Join(c.managers[:few], ", "), len(c.managers)-few)
}

// narrowTerminal is the width below which the table puts several things into one column.
const narrowTerminal = 110

// showChanges writes the changes as a table that is made for the terminal's width; 0 is none, and nothing is cut.
func (a *app) showChanges(ctx context.Context, found []change, options changesOptions, columns int) error {
	if len(found) == 0 {
		return nil
	}
	if options.diff {
		return a.showDiffs(found, columns)
	}
	clusters := map[string]bool{}
	for _, c := range found {
		clusters[c.cluster] = true
	}
	var table list
	narrow := columns > 0 && columns < narrowTerminal
	for _, c := range found {
		var row []any
		if narrow {
			row = append(row, shortTime(c.at))
		} else {
			row = append(row, stamp(c.at))
		}
		if len(clusters) > 1 || !narrow {
			row = append(row, c.cluster)
		}
		if narrow {
			row = append(row, c.sign()+" "+shortKind(c.kind)+" "+c.id)
		} else {
			row = append(row, c.kind, c.id, c.operation)
		}
		table.rows = append(table.rows, append(row, "", c.who()))
	}
	names := []string{"when", "cluster", "kind", "object", "operation", "what", "who"}
	switch {
	case narrow && len(clusters) > 1:
		names = []string{"when", "cluster", "object", "what", "who"}
	case narrow:
		names = []string{"when", "object", "what", "who"}
	}
	for _, name := range names {
		table.columns = append(table.columns, sql.Column{Name: name, Type: "VARCHAR"})
	}
	what := len(names) - 2
	wider := max(columns-80, 0)
	room := table.room(columns, what, map[string]int{"cluster": 10 + wider/10, "who": 12 + wider/8, "object": 30 + wider/4})
	for i, c := range found {
		table.rows[i][what] = summaryOf(c.told(), room)
	}
	_, err := render.Write(ctx, a.out, &table, render.Table, render.Options{Width: columns, Color: a.color()})
	return err
}

// shortKinds are kubectl's own short names.
var shortKinds = map[string]string{
	"ClusterRole": "clusterrole", "ClusterRoleBinding": "clusterrolebinding", "ConfigMap": "cm", "CronJob": "cj", "CustomResourceDefinition": "crd",
	"DaemonSet": "ds", "Deployment": "deploy", "HorizontalPodAutoscaler": "hpa", "Ingress": "ing", "Job": "job", "Namespace": "ns",
	"NetworkPolicy": "netpol", "Node": "no", "PersistentVolume": "pv", "PersistentVolumeClaim": "pvc", "Pod": "po", "PodDisruptionBudget": "pdb",
	"ReplicaSet": "rs", "Role": "role", "RoleBinding": "rolebinding", "Secret": "secret", "Service": "svc", "ServiceAccount": "sa", "StatefulSet": "sts",
}

func shortKind(kind string) string {
	if short, known := shortKinds[kind]; known {
		return short
	}
	return kind
}

// color tells whether standard output takes colours.
func (a *app) color() bool { return isTerminal(a.out) && os.Getenv("NO_COLOR") == "" }

// list is rows that are in memory.
type list struct {
	columns []sql.Column
	rows    [][]any
	at      int
}

func (l *list) Columns() []sql.Column { return l.columns }
func (l *list) Next(context.Context) bool {
	l.at++
	return l.at <= len(l.rows)
}
func (l *list) Values() []any { return l.rows[l.at-1] }
func (l *list) Err() error    { return nil }

// room cuts the other columns to what each may take at most on a terminal of so many columns, and gives what is left for one of them;
// 0 without a terminal.
func (l *list) room(columns, free int, most map[string]int) int {
	if columns <= 0 {
		return 0
	}
	const between, least = 2, 24
	widths := make([]int, len(l.columns))
	left := columns
	for i, column := range l.columns {
		if i == free {
			left -= between
			continue
		}
		widths[i] = len(column.Name)
		for _, row := range l.rows {
			widths[i] = max(widths[i], length(row[i].(string)))
		}
		left -= widths[i] + between
	}
	left += between
	for i, column := range l.columns {
		taken, has := most[column.Name]
		if !has || left >= least || widths[i] <= taken {
			continue
		}
		left += widths[i] - taken
		for _, row := range l.rows {
			row[i] = middleCut(row[i].(string), taken)
		}
	}
	return max(left, 12)
}

// middleCut shortens a text in its middle: names of objects tell each other apart at their ends.
func middleCut(text string, width int) string {
	if length(text) <= width {
		return text
	}
	runes := []rune(text)
	tail := min(width/3, len(runes))
	return render.Line(render.Line(text, width-tail)+string(runes[len(runes)-tail:]), width)
}

// showDiffs writes each change with a line for each of its paths.
func (a *app) showDiffs(found []change, columns int) error {
	var text strings.Builder
	for _, c := range found {
		head := render.Line(fmt.Sprintf("%s  %s  %s %s %s", stamp(c.at), c.cluster, c.sign(), c.resourceType, c.id), 0)
		rest := fmt.Sprintf("%s as version %d", c.operation, c.to)
		if c.operation == "updated" {
			rest = fmt.Sprintf("version %d → %d", c.from, c.to)
		}
		if who := c.who(); who != "" {
			rest = render.Line(rest+", by "+who, 0)
		}
		if columns > 0 && length(head)+2+length(rest) > columns {
			rest = "\n    " + rest
		} else {
			rest = "  " + rest
		}
		if a.color() {
			head = "\x1b[1m" + head + "\x1b[0m"
		}
		text.WriteString(head + rest + "\n")
		for _, leaf := range c.leaves {
			if len(c.managers) < 2 {
				leaf.who = "" // the head says it
			}
			text.WriteString("    " + leaf.line(max(columns-4, 0)) + "\n")
		}
	}
	_, err := a.out.WriteString(text.String())
	return err
}

// changesFooter says on standard error what was cut, what was hidden, and, where nothing was found, what was searched.
func (a *app) changesFooter(ctx context.Context, engine *sql.Engine, options changesOptions, asked period, from string) error {
	counts, err := oneRow(ctx, engine, "SELECT count(*), count(*) FILTER (WHERE "+options.meaningful()+") "+from)
	if err != nil {
		return err
	}
	all, _ := counts[0].(int64)
	meant, _ := counts[1].(int64)
	if meant == 0 {
		what := ""
		if len(options.operations) > 0 {
			what = " (" + strings.Join(options.operations, ", ") + ")"
		}
		a.hint("No changes%s %s%s.", what, asked, options.objects)
	}
	if options.limit > 0 && meant > int64(options.limit) {
		a.hint("Showing %s of %s changes, the newest; --limit 0 shows all.", count(int64(options.limit)), count(meant))
	}
	if hidden := all - meant; hidden > 0 {
		if len(options.classes) > 0 {
			a.hint("%s of other classes hidden; --all without --class shows everything.", plural(hidden, "update"))
		} else {
			a.hint("%s of only status or bookkeeping hidden; --all shows them.", plural(hidden, "update"))
		}
	}
	if all > 0 {
		return nil
	}
	return a.lastSyncs(ctx, engine, options.clusters)
}

// lastSyncs says when each cluster was last synced, and which of those that were named the lake does not have.
func (a *app) lastSyncs(ctx context.Context, engine *sql.Engine, named []string) error {
	rows, err := engine.Query(ctx, "SELECT cluster, last_sync_at FROM clusters ORDER BY cluster")
	if err != nil {
		return err
	}
	defer rows.Close()
	var known, lines []string
	for rows.Next(ctx) {
		cluster := str(rows.Values()[0])
		known = append(known, cluster)
		at, synced := rows.Values()[1].(time.Time)
		if synced && (len(named) == 0 || oneOf("", []string{cluster}, named...) == nil) {
			lines = append(lines, fmt.Sprintf("%s was last synced at %s", cluster, stamp(at)))
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, cluster := range named {
		if !strings.Contains(cluster, "*") && oneOf("", []string{cluster}, known...) != nil {
			a.hint("The lake has no cluster %q; it has %s.", cluster, strings.Join(known, ", "))
		}
	}
	const few = 5
	switch {
	case len(known) == 0:
		a.hint("The lake holds no cluster yet: \"k8sq sync\" collects.")
	case len(lines) > few:
		a.hint("%s, and %d more clusters.", strings.Join(lines[:few], "; "), len(lines)-few)
	case len(lines) > 0:
		a.hint("%s.", strings.Join(lines, "; "))
	}
	return nil
}

// oneRow gives the only row of a query.
func oneRow(ctx context.Context, engine *sql.Engine, text string) ([]any, error) {
	rows, err := engine.Query(ctx, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next(ctx) {
		return nil, fmt.Errorf("a count gave no row: %w", rows.Err())
	}
	return append([]any(nil), rows.Values()...), nil
}
