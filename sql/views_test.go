package sql

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
	"github.com/k8sq/k8sq/views"
)

// Each view shows what it should of the shop.
func TestViews(t *testing.T) {
	e := open(t, shopLake(t), Options{})
	for _, test := range []struct{ text, want string }{
		{"SELECT namespace, name, status, phase, ready_containers, containers, restarts, node, pod_ip, images, owner_kind, owner_name FROM pods WHERE cluster = 'prod' ORDER BY ALL",
			"bank|web-1|Pending|Pending|0|1|0|NULL|NULL|[a]|NULL|NULL\nshop|web-1|Running|Running|2|2|3|n1|10.0.0.1|[web:2 envoy:3]|ReplicaSet|web-abc"},
		{"SELECT status, restarts, created_at, last_terminated_at, started_at FROM pods WHERE cluster = '123' ORDER BY ALL",
			"CrashLoopBackOff|7|2026-01-01T08:01:00Z|NULL|NULL\nRunning|3|2026-01-01T08:01:00Z|2026-01-01T08:01:55Z|2026-01-01T08:01:05Z"},
		{"SELECT cluster, replicas, ready_replicas, updated_replicas, available_replicas, unavailable_replicas, images, strategy, paused, revision, spec_generation, observed_generation, latest_version FROM deployments ORDER BY ALL",
			"123|2|1|1|1|1|[web:2]|RollingUpdate|false|2|2|2|2\no'dd/é %|2|2|2|2|0|[web:1]|RollingUpdate|false|1|1|1|1\nprod|5|5|5|5|0|[web:2]|RollingUpdate|false|2|3|3|3"},
		{"SELECT service_type, cluster_ip, list_sort(external_ips), ports, selector FROM services", `LoadBalancer|10.96.0.1|[1.2.3.4 5.6.7.8 lb.example.com]|[80:31234/TCP 53/UDP]|{"app":"web"}`},
		{"SELECT name, status, roles, version, internal_ip, external_ip, cpu_capacity, memory_capacity::BIGINT, pod_capacity, cpu_allocatable, unschedulable, zone, region FROM nodes",
			"n1|Ready,SchedulingDisabled|[control-plane]|v1.37.2|10.1.0.1|9.9.9.9|4|17179869184|110|3.9|true|a|NULL"},
		{"SELECT resource_id, deleted_at, latest_version FROM deleted_resources", "shop/web-2|2026-01-02T09:00:00Z|2"},
		{"SELECT count(*) FROM snapshots WHERE deleted_at IS NOT NULL", "0"},
		{"SELECT operation, count(*), count(metadata), count(data) FROM versions GROUP BY ALL ORDER BY ALL", "created|1|1|1\ndeleted|1|0|0\ndiscovered|15|15|15\nupdated|6|6|6"},
		{"SELECT data FROM snapshots WHERE kind = 'Secret'", `{"apiVersion":"v1","kind":"Secret","data":{"password":"hmac-sha256:00000000000000000000000000000002"},"type":"Opaque","metadata":{"name":"db","namespace":"shop","uid":"x1"}}`},
		{"SELECT resource_id, latest_version, data->>'$.spec.template.spec.containers[0].image' FROM snapshots_at('2026-01-02 12:00') WHERE type = 'apps.v1.Deployment' AND cluster = 'prod'", "shop/web|2|web:2"},
		{"SELECT count(*) FROM snapshots_at('2026-01-02 08:59:59') WHERE resource_id = 'shop/web-2' AND cluster = 'prod'", "1"},
		{"SELECT count(*) FROM snapshots_at('2026-01-02 09:00') WHERE resource_id = 'shop/web-2' AND cluster = 'prod'", "0"},
		{"SELECT count(*) FROM (SELECT * EXCLUDE (updated_at, generation, created_at) FROM snapshots_at(now()) EXCEPT SELECT * EXCLUDE (updated_at, generation, created_at, managed_at, seen_digest) FROM snapshots)", "0"},
		{"SELECT (SELECT count(*) FROM snapshots_at(now())) - (SELECT count(*) FROM snapshots)", "0"},
		{"SELECT cluster, version, operation, paths, added, updated, removed FROM history('apps.v1.Deployment', 'shop/web') WHERE cluster = '123'",
			"123|1|discovered|[]|0|0|0\n123|2|updated|[spec.template.spec.containers[0].image]|0|1|0"},
		{"SELECT version, operation, diff FROM history('core.v1.Pod', 'shop/web-2') WHERE cluster = 'prod'", "1|discovered|NULL\n2|deleted|NULL"},
		{"SELECT cluster, spec->>'$.replicas' FROM resource_at('apps.v1.Deployment', 'shop/web', 3)", "prod|5"},
		{"SELECT count(*) FROM resource_at('apps.v1.Deployment', 'shop/web', 9)", "0"},
		{"SELECT path, class, action, operation, old, new FROM field_changes WHERE kind = 'ConfigMap' ORDER BY path",
			`data['a.b']|data|added|updated|NULL|{"deep":[1,2,{"x":null}]}` + "\n" + `data['gone.key']|data|removed|updated|"x"|NULL` + "\n" + `data['quote''"é']|data|added|updated|NULL|null` + "\n" +
				`spec.x|spec|updated|updated|null|12345678901234567890` + "\n" + `status.y|status|removed|updated|true|NULL`},
		{"SELECT path, class FROM field_changes WHERE kind = 'Deployment' AND cluster = 'prod' AND class IN ('metadata', 'data') ORDER BY ALL",
			"metadata.annotations['deployment.kubernetes.io/revision']|metadata\nmetadata.generation|metadata\nmetadata.generation|metadata"},
		{"SELECT cluster, name, tags, last_sync_status FROM clusters ORDER BY ALL", "123|123|{}|partial\nprod|Production|{env=prod}|partial"},
		{"SELECT cluster, type, status, listed, error FROM syncs WHERE status <> 'complete' ORDER BY ALL", "123|apps.v1.Deployment|partial|1|connection lost\nprod|core.v1.Secret|forbidden|0|secrets is forbidden"},
		{"SELECT current_setting('TimeZone'), '2026-01-01 12:00'::TIMESTAMPTZ FROM clusters LIMIT 1", "UTC|2026-01-01T12:00:00Z"},
		{"SELECT current_setting('TimeZone')", "UTC"},
	} {
		if got := strings.Join(answer(t, e, test.text), "\n"); got != test.want {
			t.Errorf("%s\ngives\n%s\nwant\n%s", test.text, got, test.want)
		}
	}
}

func TestQuantity(t *testing.T) {
	e := open(t, shopLake(t), Options{})
	for text, want := range map[string]string{
		"'1500m'": "1.5", "'2Gi'": "2.147483648e+09", "'1e3'": "1000", "'12E'": "1.2e+19", "'1k'": "1000", "'100'": "100", "'0.5'": "0.5", "'-1'": "-1", "'1E2'": "100",
		"''": "NULL", "'x'": "NULL", "'1.2.3'": "NULL", "NULL": "NULL", "'1Gib'": "NULL", "'Gi'": "NULL",
	} {
		if got := answer(t, e, "SELECT quantity("+text+")"); got[0] != want {
			t.Errorf("quantity(%s) is %s, want %s", text, got[0], want)
		}
	}
}

// hostile are values that the API server would not let through, and a manifest, a custom resource or an older cluster may hold all the same.
var hostile = []string{
	`null`, `"text"`, `12`, `true`, `[]`, `[1,"a",null,{}]`, `{}`,
	`{"containers":{},"replicas":"three","ports":"80","taints":"x","selector":[1],"template":[],"nodeName":{},"strategy":"x","type":[],"externalIPs":{},"unschedulable":"maybe","paused":3}`,
	`{"containers":[null,1,"x",{"image":5},{"image":{"a":1}},{}],"replicas":1e99,"ports":[null,1,{"port":"http","nodePort":"x"}],"template":{"spec":{"containers":[1,{"name":7}]}}}`,
	`{"containers":[],"replicas":-1.5,"template":null,"externalIPs":[1,null]}`,
	`{"phase":7,"containerStatuses":{},"initContainerStatuses":"x","conditions":{},"addresses":"x","capacity":[],"loadBalancer":"x","readyReplicas":"many","startTime":"yesterday","reason":{}}`,
	`{"phase":{},"containerStatuses":[null,1,"x",{"ready":"yes","restartCount":"x","state":"x"},{"state":{"waiting":[],"terminated":3}},{"restartCount":99999999999999999999,"lastState":{"terminated":{"finishedAt":7}}}]}`,
	`{"conditions":[null,1,{"type":1},{"type":"Ready","status":{}}],"addresses":[null,{"type":"InternalIP"}],"capacity":{"cpu":[],"memory":"lots","pods":"many"},"nodeInfo":"x","loadBalancer":{"ingress":{"ip":1}},"initContainerStatuses":[{"state":{"terminated":{"exitCode":"x"}}}]}`,
}

func TestOddObjectsDoNotFail(t *testing.T) {
	h := &history{}
	kinds := []string{`"apiVersion":"v1","kind":"Pod"`, `"apiVersion":"apps/v1","kind":"Deployment"`, `"apiVersion":"v1","kind":"Service"`, `"apiVersion":"v1","kind":"Node"`}
	for k, kind := range kinds {
		for i, spec := range hostile {
			for j, status := range hostile {
				meta := fmt.Sprintf(`{"name":"o%d-%d-%d","creationTimestamp":"not a time","deletionTimestamp":null,"generation":"x","annotations":{"deployment.kubernetes.io/revision":"x"},"labels":{"node-role.kubernetes.io/":"","'\"":""}}`, k, i, j)
				h.record(t, prod, on(1, "09:00"), "discovered", fmt.Sprintf(`{%s,"metadata":%s,"spec":%s,"status":%s,"kind2":%s}`, kind, meta, spec, status, spec), "")
			}
		}
	}
	// Nothing but the name: spec, status and fields are missing.
	for _, kind := range kinds {
		h.record(t, prod, on(1, "09:00"), "discovered", fmt.Sprintf(`{%s,"metadata":{"name":"bare"}}`, kind), "")
	}
	for i, diff := range []string{`{"added":{},"updated":{},"removed":{}}`, `{"updated":{"a":{"from":1}}}`, `{"added":{"":1,"[0]":2,"spec":3,"status[0]":4,"\u0001":5,"metadatax":6}}`} {
		h.record(t, prod, on(2, "09:00").AddDate(0, 0, i), "updated", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"bare"}}`, diff)
	}
	l := &folderLake{folder: t.TempDir()}
	h.write(t, l.folder)
	e := open(t, l, Options{})
	each := len(hostile)*len(hostile) + 1
	for text, want := range map[string]int{
		"FROM pods": each, "FROM deployments": each, "FROM services": each, "FROM nodes": each, "FROM snapshots": 4 * each, "FROM versions": 4*each + 3, "FROM changes": 3,
		"FROM field_changes": 7, "FROM snapshots_at(now())": 4 * each, "FROM history('core.v1.Pod', 'bare')": 4, "FROM resource_at('core.v1.Pod', 'bare', 2)": 1,
	} {
		if got, err := ask(t, e, text); err != nil || len(got) != want {
			t.Errorf("%s gives %d rows, want %d: %v", text, len(got), want, err)
		}
	}
	if got := answer(t, e, "SELECT path || ' ' || class FROM field_changes WHERE to_version = 4 ORDER BY ALL"); !slices.Equal(got, []string{"\x01 data", " data", "[0] data", "metadatax data", "spec spec", "status[0] status"}) {
		t.Errorf("classes: %q", got)
	}
}

// The whole object that data shows is the object that was stored, whatever parts it has.
func TestDataIsTheObject(t *testing.T) {
	objects := []string{
		web1, podRuns, service, nodeOne, secret1, role1, config,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":null,"status":{}}`,
		`{"apiVersion":"example.com/v1","kind":"Odd\"Kind é","metadata":{"name":"x"},"z":{"a":[1,2.5,12345678901234567890]},"a":null,"quote'\"":"\\ \" ' \u0007 é"}`,
	}
	for _, object := range objects {
		h := &history{}
		h.record(t, prod, on(1, "09:00"), "discovered", object, "")
		l := &folderLake{folder: t.TempDir()}
		h.write(t, l.folder)
		e := open(t, l, Options{})
		for _, from := range []string{"snapshots", "versions", "snapshots_at(now())"} {
			rows, err := ask(t, e, "SELECT data FROM "+from)
			if err != nil {
				t.Errorf("%s of %s: %v", from, object, err)
				continue
			}
			var got, want any
			if err := json.Unmarshal([]byte(rows[0][0].(JSON)), &got); err != nil {
				t.Errorf("%s: %v", rows[0][0], err)
			}
			if err := json.Unmarshal([]byte(object), &want); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s shows\n%s\nof\n%s", from, rows[0][0], object)
			}
		}
	}
}

// Every view and macro is made of what it says it uses, and has the columns of DESIGN.md 2.2 where it stands for a table.
func TestCatalog(t *testing.T) {
	for _, view := range views.All() {
		text := "FROM " + view.Name
		switch view.Name {
		case "object_json":
			text = "SELECT object_json('core', 'v1', 'Pod', '{}', NULL, NULL, NULL)"
		case "quantity":
			text = "SELECT quantity('1')"
		case "history":
			text += "('a', 'b')"
		case "resource_at":
			text += "('a', 'b', 1)"
		case "snapshots_at":
			text += "(now())"
		}
		wanted := mentioned(text)
		db, err := openDatabase(map[string]string{"threads": "1"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := db.connect()
		if err != nil {
			t.Fatal(err)
		}
		err = define(t.Context(), c, wanted, map[string]bool{}, func(t table) (string, error) { return t.empty(), nil })
		if err == nil {
			_, err = c.all(t.Context(), text)
		}
		if err != nil {
			t.Errorf("%s: %v", view.Name, err)
		}
		c.close()
		db.close()
	}
	for _, tab := range tables {
		names := lake.Columns(tab.name)
		for _, c := range tab.columns {
			if !slices.Contains(names, c.name) {
				t.Errorf("package lake has no column %s in %s", c.name, tab.name)
			}
		}
		if len(names) != len(tab.columns) {
			t.Errorf("%s has %d columns, in package lake %d", tab.name, len(tab.columns), len(names))
		}
		e := open(t, shopLake(t), Options{})
		var got []string
		rows, err := e.Query(t.Context(), "FROM "+tab.name)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range rows.Columns() {
			got = append(got, c.Name)
		}
		rows.Close()
		for _, c := range concat(tab.partitions, tab.columns) {
			if !slices.Contains(got, c.name) {
				t.Errorf("the view %s lacks %s", tab.name, c.name)
			}
		}
	}
	everywhere := everything()
	if len(everywhere.views) != len(views.All()) {
		t.Error("everything is not everything")
	}
	files, err := views.FS.ReadDir(".")
	if err != nil || len(files) != len(views.All()) {
		t.Errorf("%d files, %d views (%v)", len(files), len(views.All()), err)
	}
}

// A view may be asked for after others, in any order, in one engine.
func TestViewsComeWhenAskedFor(t *testing.T) {
	e := open(t, shopLake(t), Options{})
	for _, text := range []string{"FROM versions", "FROM history('apps.v1.Deployment', 'shop/web')", "FROM lake.changes", "FROM \"PODS\"", "FROM snapshots_at(now())", "SELECT * FROM p_ods", "FROM field_changes", "FROM Pods", "SELECT quantity('1')", "FROM nodes"} {
		_, err := ask(t, e, text)
		if (err != nil) != strings.Contains(text, "p_ods") {
			t.Errorf("%s: %v", text, err)
		}
	}
	// A name that the text does not hold as such is found if the engine has the view, and complained of if not; it never answers from the stubs.
	if got, err := ask(t, e, "SELECT * FROM U&\"pod\\0073\""); err == nil && len(got) != 7 {
		t.Errorf("gives %d rows", len(got))
	}
}
