package sql

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
)

// Each of these must answer the same whether or not files are left out.
var metamorphic = []string{
	"SELECT count(*) FROM snapshots",
	"SELECT count(*) FROM lake.snapshots",
	"SELECT * FROM pods ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE cluster = 'prod' ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE cluster = '123' ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE cluster = 'o''dd/é %' ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE cluster <> 'prod' ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE cluster IN ('prod', '123') AND phase = 'Running' ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE cluster NOT IN ('prod', '123') ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE cluster LIKE 'p%' OR name = 'web-2' ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE cluster ILIKE '%PRO%' ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE contains(cluster, '/') ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE regexp_matches(cluster, '^[0-9]+$') ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE cluster || provider = 'prodaws' ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE TRY_CAST(cluster AS INTEGER) = 123 ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE CASE WHEN cluster = 'prod' THEN true ELSE name = 'web-2' END ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE cluster = (SELECT max(cluster) FROM clusters) ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE (cluster, provider) IN (('prod', 'aws'), ('123', 'kind')) ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE cluster IS NULL OR provider IS NOT NULL ORDER BY ALL",
	"SELECT cluster, name FROM pods WHERE NOT (cluster = 'prod' AND name = 'web-1') ORDER BY ALL",
	"SELECT cluster, type, name FROM snapshots WHERE type = 'core.v1.Pod' OR kind = 'Secret' ORDER BY ALL",
	"SELECT cluster, type, name FROM snapshots WHERE kind = 'Pod' AND api_group = 'core' ORDER BY ALL",
	"SELECT cluster, type, name FROM snapshots WHERE type LIKE 'rbac.authorization.k8s.io.%' ORDER BY ALL",
	"SELECT cluster, type, name FROM snapshots WHERE type > 'core.v1.P' AND type < 'core.v1.T' ORDER BY ALL",
	"SELECT cluster, type, name FROM snapshots WHERE type BETWEEN 'a' AND 'b' ORDER BY ALL",
	"SELECT cluster, type, name FROM snapshots WHERE 1 = 0",
	"SELECT * FROM deleted_resources ORDER BY ALL",
	"SELECT p.name, d.name FROM pods p JOIN deployments d ON p.cluster = d.cluster AND p.namespace = d.namespace WHERE p.cluster = 'prod' ORDER BY ALL",
	"SELECT p.name, d.name FROM pods p LEFT JOIN deployments d ON p.cluster = d.cluster AND d.cluster = 'prod' ORDER BY ALL",
	"SELECT d.cluster, v.version FROM deployments d JOIN versions v USING (cluster, provider, type, resource_id) WHERE cluster = 'prod' ORDER BY ALL",
	"SELECT name FROM pods a WHERE EXISTS (SELECT 1 FROM deployments b WHERE b.cluster = a.cluster AND b.cluster = 'prod') ORDER BY ALL",
	"SELECT name FROM pods WHERE cluster = 'prod' UNION ALL SELECT name FROM nodes WHERE cluster = '123' UNION SELECT name FROM services ORDER BY ALL",
	"WITH c AS (SELECT * FROM snapshots WHERE cluster = 'prod') SELECT type, count(*) FROM c GROUP BY ALL ORDER BY ALL",
	"WITH c AS MATERIALIZED (SELECT * FROM snapshots) SELECT a.name, b.name FROM c a, c b WHERE a.cluster = 'prod' AND b.type = 'core.v1.Node' AND a.type = b.type ORDER BY ALL",
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i, version FROM n, versions WHERE version = i AND cluster = 'prod' ORDER BY ALL",
	"SELECT cluster, count(*) FROM versions WHERE date = '2026-01-02' GROUP BY ALL ORDER BY ALL",
	"SELECT cluster, count(*) FROM versions WHERE date >= DATE '2026-01-03' GROUP BY ALL ORDER BY ALL",
	"SELECT cluster, count(*) FROM versions WHERE date BETWEEN '2026-01-01' AND '2026-01-02' GROUP BY ALL ORDER BY ALL",
	"SELECT cluster, count(*) FROM versions WHERE date IN ('2026-01-01', '2026-01-04') GROUP BY ALL ORDER BY ALL",
	"SELECT cluster, count(*) FROM versions WHERE captured_at >= '2026-01-03 23:59:00' GROUP BY ALL ORDER BY ALL",
	"SELECT cluster, count(*) FROM versions WHERE captured_at > '2026-01-03 23:59:00+00' GROUP BY ALL ORDER BY ALL",
	"SELECT cluster, count(*) FROM versions WHERE captured_at < '2026-01-02 09:00:00' GROUP BY ALL ORDER BY ALL",
	"SELECT cluster, count(*) FROM versions WHERE captured_at = '2026-01-04' GROUP BY ALL ORDER BY ALL",
	"SELECT cluster, count(*) FROM versions WHERE captured_at = '2026-01-04' OR captured_at < '2026-01-02' GROUP BY ALL ORDER BY ALL",
	"SELECT cluster, count(*) FROM versions WHERE captured_at BETWEEN '2026-01-01 12:00' AND '2026-01-03 12:00:00+12' AND name = 'web' GROUP BY ALL ORDER BY ALL",
	"SELECT cluster, count(*) FROM versions WHERE captured_at::DATE = '2026-01-03' GROUP BY ALL ORDER BY ALL",
	"SELECT cluster, count(*) FROM versions WHERE date_trunc('day', captured_at) = '2026-01-03' GROUP BY ALL ORDER BY ALL",
	"SELECT cluster, count(*) FROM versions WHERE captured_at > now() - INTERVAL '100 years' AND date <= current_date GROUP BY ALL ORDER BY ALL",
	"SELECT cluster, count(*) FROM changes WHERE captured_at >= '2026-01-03' AND operation = 'updated' GROUP BY ALL ORDER BY ALL",
	"SELECT name, captured_at FROM versions WHERE name LIKE '%captured_at>%' OR captured_at > '2026-01-03 09:00' ORDER BY ALL",
	"SELECT name FROM versions WHERE name IN ('web'' AND captured_at>''2027-01-01''::TIMESTAMP WITH TIME ZONE', 'web') ORDER BY ALL",
	"SELECT path, old, new FROM field_changes WHERE cluster = 'prod' AND captured_at > '2026-01-02 12:00' ORDER BY ALL",
	"SELECT path, class FROM field_changes WHERE type = 'core.v1.ConfigMap' AND action = 'added' ORDER BY ALL",
	"FROM history('apps.v1.Deployment', 'shop/web')",
	"FROM history('apps.v1.Deployment', 'shop/web') WHERE cluster = 'prod'",
	"SELECT h.version FROM history('apps.v1.Deployment', 'shop/web') h JOIN history('core.v1.Pod', 'shop/web-2') p ON h.cluster = p.cluster ORDER BY ALL",
	"FROM resource_at('apps.v1.Deployment', 'shop/web', 2)",
	"FROM resource_at(type := 'apps.v1.Deployment', id := 'shop/web', version := 3)",
	"FROM snapshots_at('2026-01-02 12:00') ORDER BY ALL",
	"SELECT resource_id FROM snapshots_at('2026-01-01 23:00') WHERE type = 'core.v1.Pod' AND cluster = 'prod' ORDER BY ALL",
	"SELECT resource_id FROM snapshots_at(TIMESTAMPTZ '2026-01-03 00:00:00+00') EXCEPT SELECT resource_id FROM snapshots_at('2025-12-31') ORDER BY ALL",
	"SELECT cluster, type, row_number() OVER (PARTITION BY cluster ORDER BY type, name) AS n FROM snapshots QUALIFY n = 1 ORDER BY ALL",
	"SELECT cluster, type, row_number() OVER (PARTITION BY cluster ORDER BY type, name) AS n FROM snapshots WHERE cluster = 'prod' QUALIFY n <= 2 ORDER BY ALL",
	"SELECT cluster, status, error FROM syncs WHERE cluster = 'prod' AND date = '2026-01-04' ORDER BY ALL",
	"SELECT cluster, status, error FROM syncs WHERE type = 'core.v1.Secret' ORDER BY ALL",
	"SELECT cluster, name, tags FROM clusters WHERE provider = 'gcp'",
	"SELECT c.name, count(*) FROM clusters c LEFT JOIN pods p USING (cluster) WHERE c.cluster LIKE '%o%' GROUP BY ALL ORDER BY ALL",
	"SELECT * FROM (SELECT cluster, unnest(images) AS image FROM pods) WHERE cluster = 'prod' AND image LIKE 'web%' ORDER BY ALL",
	"SELECT cluster, max(captured_at) FROM versions GROUP BY cluster HAVING cluster = 'prod' AND max(captured_at) > '2026-01-01' ORDER BY ALL",
	"PIVOT (SELECT cluster, phase FROM pods) ON phase IN ('Running', 'Pending') USING count(*) ORDER BY cluster",
	"SELECT p.name, x.v FROM pods p, LATERAL (SELECT max(version) AS v FROM versions v WHERE v.cluster = p.cluster AND v.type = p.type AND v.resource_id = p.resource_id) x WHERE p.cluster = 'prod' ORDER BY ALL",
	"SUMMARIZE pods",
	"SELECT name FROM versions WHERE type = 'core.v1.Pod' ORDER BY captured_at DESC, name LIMIT 2",
	"FROM query('SELECT cluster, name FROM pods WHERE cluster = ''prod'' ORDER BY ALL')",
	"SELECT count(*) FROM query_table('snapshots') WHERE type = 'core.v1.Pod'",
}

func TestPrunedAnswersTheSame(t *testing.T) {
	pruned, unpruned := shopLake(t), shopLake(t)
	a, b := open(t, pruned, Options{}), open(t, unpruned, Options{Unpruned: true})
	fewer := 0
	for _, text := range metamorphic {
		t.Run(text, func(t *testing.T) {
			pruned.fetched, unpruned.fetched = nil, nil
			got, want := answer(t, a, text), answer(t, b, text)
			if !slices.Equal(got, want) {
				t.Errorf("pruned:\n%s\nunpruned:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if len(pruned.fetched) < len(unpruned.fetched) {
				fewer++
			}
		})
	}
	if fewer < 50 {
		t.Errorf("files were left out for %d queries only", fewer)
	}
	if pruned.open+unpruned.open != 0 {
		t.Error("fetched files were not released")
	}
}

func TestReadsOnlyWhatSurvives(t *testing.T) {
	for _, test := range []struct{ text, tables, files string }{
		// What is committed of versions and changes is told by the snapshots, which are listed with them.
		{"SELECT 1", "", ""},
		{"SHOW TABLES", "", ""},
		{"DESCRIBE pods", "", ""},
		{"EXPLAIN SELECT * FROM pods", "", ""},
		{"SELECT * FROM pods WHERE cluster = 'prod'", "snapshots", "snapshots prod core.v1.Pod"},
		{"EXPLAIN ANALYZE SELECT * FROM pods WHERE cluster = 'prod'", "snapshots", "snapshots prod core.v1.Pod"},
		{"SELECT * FROM pods WHERE cluster = 'none'", "snapshots", ""},
		{"SELECT * FROM nodes", "snapshots", "snapshots prod core.v1.Node"},
		{"SELECT * FROM deployments WHERE provider = 'gcp'", "snapshots", "snapshots 123 apps.v1.Deployment"},
		{"SELECT * FROM snapshots WHERE type LIKE 'rbac%'", "snapshots", "snapshots prod rbac.authorization.k8s.io.v1.ClusterRole, snapshots prod rbac.authorization.k8s.io.v1.ClusterRoleBinding"},
		{"SELECT p.name FROM pods p, nodes n WHERE p.cluster = n.cluster AND p.cluster = 'prod'", "snapshots", "snapshots prod core.v1.Node, snapshots prod core.v1.Pod"},
		{"FROM history('apps.v1.Deployment', 'shop/web') WHERE cluster = '123'", "changes snapshots versions", "changes 123 apps.v1.Deployment 2026-01-04, versions 123 apps.v1.Deployment 2026-01-01, versions 123 apps.v1.Deployment 2026-01-04"},
		{"FROM resource_at('core.v1.Node', 'n1', 1)", "snapshots versions", "versions prod core.v1.Node 2026-01-01"},
		{"FROM snapshots_at('2026-01-01 23:00') WHERE type = 'core.v1.ConfigMap'", "snapshots versions", "snapshots prod core.v1.ConfigMap, versions prod core.v1.ConfigMap 2026-01-01"},
		{"FROM snapshots_at('2025-12-31') WHERE cluster = '123'", "snapshots versions", "snapshots 123 apps.v1.Deployment, snapshots 123 core.v1.Pod"},
		{"SELECT path FROM field_changes WHERE captured_at >= '2026-01-03 12:00' AND cluster = 'prod' AND type LIKE 'core.%'", "changes snapshots", "changes prod core.v1.ConfigMap 2026-01-04, changes prod core.v1.Secret 2026-01-03"},
		{"SELECT * FROM changes WHERE captured_at < '2026-01-02 09:00:00.000001' AND operation = 'updated'", "changes snapshots", "changes prod apps.v1.Deployment 2026-01-02, changes prod core.v1.Pod 2026-01-02"},
		{"SELECT * FROM syncs WHERE date > '2026-01-03' AND cluster = 'prod'", "syncs", "syncs prod 2026-01-04"},
		{"SELECT * FROM clusters WHERE cluster = 'prod'", "clusters", "clusters prod"},
		{"SELECT count(*) FROM pods WHERE cluster = 'prod' AND 1 = 0", "", ""},
	} {
		t.Run(test.text, func(t *testing.T) {
			l := shopLake(t)
			rows, err := open(t, l, Options{}).Query(t.Context(), test.text)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next(t.Context()) {
			}
			if err := rows.Err(); err != nil {
				t.Error(err)
			}
			stats := rows.Stats()
			if err := rows.Close(); err != nil {
				t.Error(err)
			}
			slices.Sort(l.listed)
			if got := strings.Join(l.listed, " "); got != test.tables {
				t.Errorf("listed %q, want %q", got, test.tables)
			}
			var files []string
			for _, f := range l.fetched {
				files = append(files, strings.Join(strings.Fields(fmt.Sprint(f.Table, " ", f.Cluster, " ", f.Type, " ", f.Date)), " "))
			}
			slices.Sort(files)
			files = slices.Compact(files)
			if got := strings.Join(files, ", "); got != test.files {
				t.Errorf("fetched\n%s\nwant\n%s", got, test.files)
			}
			if stats.ReadFiles != len(l.fetched) || stats.Files < stats.ReadFiles || stats.ReadBytes != bytesOf(l.fetched) {
				t.Errorf("stats are %+v after fetching %d files", stats, len(l.fetched))
			}
		})
	}
}

func TestLongConditions(t *testing.T) {
	names := []string{"'prod'"}
	for i := range 2000 {
		names = append(names, fmt.Sprintf("'cluster-%d'", i))
	}
	l := shopLake(t)
	got := answer(t, open(t, l, Options{}), "SELECT count(*) FROM pods WHERE cluster IN ("+strings.Join(names, ", ")+")")
	if !slices.Equal(got, []string{"2"}) || len(l.fetched) != 1 {
		t.Errorf("got %v from %d files", got, len(l.fetched))
	}
	got = answer(t, open(t, l, Options{}), "SELECT count(*) FROM pods WHERE cluster IN ('a\nb', 'prod', E'x\\ty', '\u2028', '(\"', '''')")
	if !slices.Equal(got, []string{"2"}) || len(l.fetched) != 1 {
		t.Errorf("got %v from %d files", got, len(l.fetched))
	}
}

func TestManyPartitions(t *testing.T) {
	e := open(t, &folderLake{folder: t.TempDir()}, Options{})
	c, err := e.planner.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var files []lake.DataFile
	for i := range 20000 {
		files = append(files, lake.DataFile{Table: lake.TableVersions, Partition: lake.Partition{Cluster: fmt.Sprint(i % 50), Provider: "p", Type: fmt.Sprint("t", i%40)}, Date: fmt.Sprintf("2026-01-%02d", i%28+1)})
	}
	kept, err := choose(t.Context(), c, []scan{{table: lake.TableVersions, filters: []string{"(\"cluster\" = '7')", "(date >= '2026-01-15'::DATE)"}}}, files)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range kept {
		if f.Cluster != "7" || f.Date < "2026-01-15" {
			t.Fatalf("kept %+v", f)
		}
	}
	if len(kept) < 100 {
		t.Errorf("kept %d", len(kept))
	}
}
