package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/k8sq/k8sq/cmd/k8sq/render"
	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/sql"
)

// showRoles prints the ClusterRoles as YAML documents. A cluster that could not be reached is told on standard error.
func (r *planRun) showRoles(p plan) error {
	var text strings.Builder
	for _, cluster := range p.Clusters {
		if cluster.Error != "" {
			fmt.Fprintf(r.screen, "Error: %s: %s\n", cluster.Cluster, cluster.Error)
			continue
		}
		if text.Len() > 0 {
			text.WriteString("---\n")
		}
		text.WriteString(cluster.ClusterRole)
	}
	_, err := r.out.WriteString(text.String())
	return err
}

// show prints the plan for people.
func (r *planRun) show(p plan) error {
	if r.noLake != "" {
		fmt.Fprintf(r.out, "The lake %s is not there yet: everything is new.\n", r.noLake)
	}
	if r.newKey && !slices.ContainsFunc(p.Clusters, func(c clusterPlan) bool { return c.otherKey }) {
		fmt.Fprintf(r.out, "There is no redaction key: the first sync makes it (%s).\n", keyFile(r.loaded))
	}
	failed := 0
	for i, cluster := range p.Clusters {
		if i > 0 || r.noLake != "" || r.newKey {
			fmt.Fprintln(r.out)
		}
		if cluster.Error != "" {
			failed++
			fmt.Fprintf(r.screen, "Error: %s: %s\n", cluster.Cluster, cluster.Error)
			continue
		}
		if err := r.showCluster(cluster); err != nil {
			return err
		}
	}
	if !p.Refresh {
		_, err := fmt.Fprintln(r.out, "\nNothing was compared, because of --refresh=false.")
		return err
	}
	if failed == len(p.Clusters) {
		return nil
	}
	text := fmt.Sprintf("\nPlan: %s to add, %s to change, %s to delete.\n", count(p.Add), count(p.Change), count(p.Delete))
	if p.Add+p.Change+p.Delete == 0 {
		text = "\nNo changes: a sync would record nothing new.\n"
	}
	_, err := r.out.WriteString(r.bold(text))
	return err
}

func (a *app) bold(text string) string {
	if !a.color() {
		return text
	}
	return "\x1b[1m" + text + "\x1b[0m"
}

func (r *planRun) showCluster(c clusterPlan) error {
	head := c.Cluster + ": "
	if c.ServerVersion != "" {
		head += "Kubernetes " + c.ServerVersion + ", "
	}
	if c.LastSyncAt != nil {
		head += "last synced at " + stamp(*c.LastSyncAt)
	} else {
		head += "never synced"
	}
	if _, err := fmt.Fprintf(r.out, "%s\n\n", r.bold(head)); err != nil {
		return err
	}
	if err := r.showTypes(c); err != nil {
		return err
	}
	if err := r.showTrouble(c); err != nil {
		return err
	}
	if !c.read {
		return nil
	}
	return r.showPlanned(c)
}

// showTypes says what is listed and how much it is.
func (r *planRun) showTypes(c clusterPlan) error {
	table := list{columns: []sql.Column{{Name: "type", Type: "VARCHAR"}, {Name: "objects", Type: "VARCHAR"}, {Name: "size", Type: "VARCHAR"}}}
	types := slices.Clone(c.Types)
	slices.SortStableFunc(types, func(a, b typePlan) int { return int(b.Objects - a.Objects) })
	listed, empty := 0, 0
	for _, t := range types {
		if t.Status != lake.Complete && t.Objects == 0 {
			continue
		}
		listed++
		if t.Objects == 0 {
			empty++
			continue
		}
		number := count(t.Objects)
		if t.Bound != "" && t.Bound != collector.Exactly {
			number = string(t.Bound) + " " + number
		}
		bytes := ""
		if t.Bytes > 0 {
			bytes = "~" + size(t.Bytes)
		}
		table.rows = append(table.rows, []any{t.Type, number, bytes})
	}
	if len(table.rows) > 0 {
		if slices.IndexFunc(table.rows, func(row []any) bool { return row[2] != "" }) < 0 {
			table.columns = table.columns[:2]
			for i := range table.rows {
				table.rows[i] = table.rows[i][:2]
			}
		}
		for i := 1; i < len(table.columns); i++ {
			rightAlign(table.rows, i)
		}
		if _, err := render.Write(context.Background(), r.out, &table, render.Table, render.Options{Width: width(r.out), Color: r.color()}); err != nil {
			return err
		}
	}
	var text strings.Builder
	if empty > 0 {
		fmt.Fprintf(&text, "and %s without objects\n", plural(int64(empty), "type"))
	}
	about := ""
	if !c.Exact {
		about = "about "
	}
	fmt.Fprintf(&text, "\n  %s%s of %s", about, plural(c.Objects, "object"), plural(int64(listed), "type"))
	if c.Bytes > 0 {
		fmt.Fprintf(&text, ", about %s of JSON", size(c.Bytes))
	}
	if c.read {
		fmt.Fprintf(&text, ". Read in about %s just now.\n", seconds(c.Seconds))
	} else {
		fmt.Fprintf(&text, ". \n  A sync takes about %s, by the sizes of a few objects and %d MB/s.\n", seconds(c.Seconds), readRate>>20)
	}
	_, err := r.out.WriteString(text.String())
	return err
}

// seconds writes how long something takes.
func seconds(s float64) string {
	switch {
	case s < 1:
		return "a second"
	case s < 120:
		return plural(int64(s+0.5), "second")
	}
	return plural(int64(s/60+0.5), "minute")
}

// showTrouble says what cannot be listed, and what would grant it.
func (r *planRun) showTrouble(c clusterPlan) error {
	var text strings.Builder
	var forbidden []string
	for _, t := range c.Types {
		switch t.Status {
		case lake.Complete:
		case lake.Forbidden:
			forbidden = append(forbidden, t.Type)
		default:
			fmt.Fprintf(&text, "\n  %s is %s: %s\n", t.Type, t.Status, t.Error)
		}
	}
	if len(forbidden) > 0 {
		fmt.Fprintf(&text, "\n  %s may not be listed with these credentials:\n", plural(int64(len(forbidden)), "type"))
		for _, resourceType := range forbidden {
			fmt.Fprintf(&text, "    %s\n", resourceType)
		}
	}
	if c.ClusterRole != "" {
		fmt.Fprintf(&text, "\n  This would grant it:\n\n%s", c.ClusterRole)
	}
	_, err := r.out.WriteString(text.String())
	return err
}

// showPlanned says what a sync would record.
func (r *planRun) showPlanned(c clusterPlan) error {
	var text strings.Builder
	columns := width(r.out)
	if len(c.Changes) > 0 {
		text.WriteString("\n  A sync would record:\n\n")
	}
	for _, change := range c.Changes {
		line := change.sign() + " " + change.Type + " " + change.ResourceID
		fmt.Fprintf(&text, "    %s\n", render.Line(line, max(columns-4, 0)))
		leaves, err := leavesOf(string(change.Diff))
		if err != nil {
			return fmt.Errorf("%s %s: %w", change.Type, change.ResourceID, err)
		}
		for _, leaf := range leaves {
			fmt.Fprintf(&text, "        %s\n", leaf.line(max(columns-8, 0)))
		}
	}
	if more := c.Add + c.Change + c.Delete - int64(len(c.Changes)); more > 0 {
		fmt.Fprintf(&text, "    and %s more: --limit 0 shows all\n", count(more))
	}
	if c.otherKey {
		fmt.Fprintf(&text, "\n  The redaction key of the last sync is not here, without which a sync refuses to go on.\n"+
			"  What was redacted is not compared: %s.\n", plural(c.Uncompared, "object"))
	}
	fmt.Fprintf(&text, "\n  %s: %s to add, %s to change, %s to delete.\n", c.Cluster, count(c.Add), count(c.Change), count(c.Delete))
	_, err := r.out.WriteString(text.String())
	return err
}
