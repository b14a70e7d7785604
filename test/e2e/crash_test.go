package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8sq/k8sq/test/e2e/servers"
)

const (
	kills  = 25 // of `k8sq sync`, on each kind of lake
	rounds = 3  // of three syncs at once
)

// churn changes, creates and deletes objects of a namespace, some forty a second, until stop is called. stop gives how many changes
// there were.
func churn(t *testing.T, cluster *servers.Cluster, ns string) (stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	var count int
	wait.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			name := fmt.Sprintf("churn-%02d", rand.IntN(30))
			path := "/api/v1/namespaces/" + ns + "/configmaps/" + name
			var err error
			if rand.IntN(5) == 0 {
				_, err = cluster.Do(ctx, http.MethodDelete, path, contentType(http.MethodDelete), []byte("{}"))
			} else {
				err = cluster.Apply(ctx, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: %s}\ndata: {i: \"%d\"}\n", name, ns, i))
				if err == nil {
					err = cluster.Apply(ctx, fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: %s, labels: {i: \"%d\"}}\nspec: {ports: [{port: 80}]}\n", name, ns, i))
				}
			}
			if err == nil { // What was deleted already, or not ready, is no matter.
				count++
			}
			time.Sleep(25 * time.Millisecond)
		}
	})
	return func() int {
		cancel()
		wait.Wait()
		return count
	}
}

// checkLive fails the test unless the lake's snapshots of a namespace are, object by object, what the API serves.
func checkLive(t *testing.T, l lake, cluster *servers.Cluster, ns string, plurals ...string) {
	t.Helper()
	var want []string
	for _, plural := range plurals {
		for _, o := range list(t, cluster, "/api/v1/namespaces/"+ns+"/"+plural) {
			want = append(want, o.Metadata.Name+" "+o.Metadata.UID+" "+o.Metadata.ResourceVersion)
		}
	}
	l.expectStrings(t, `SELECT name || ' ' || uid || ' ' || (metadata->>'$.resourceVersion') AS s FROM snapshots WHERE namespace = '`+ns+`'`, want)
}

// `k8sq sync`, killed at random moments while objects change, leaves a lake that the next sync goes on from: nothing twice, nothing
// lost, no help needed.
func TestKill(t *testing.T) {
	const ns = "killed"
	namespace(t, east, ns)
	for name, l := range bothLakes(t, provider("east", admin(t, east)), selectTypes("core.v1.ConfigMap", "core.v1.Service")) {
		t.Run(name, func(t *testing.T) {
			stop := churn(t, east, ns)
			defer stop()
			l.sync(t)
			killed, tries := 0, 0
			for took := 300 * time.Millisecond; killed < kills; tries++ {
				if tries == 4*kills {
					t.Fatalf("only %d of %d syncs were still running when they were killed", killed, tries)
				}
				killed += kill(t, l, rand.N(took))
				begin := time.Now()
				l.sync(t)
				took = time.Since(begin)
			}
			changed := stop()
			l.sync(t)
			l.checkIntegrity(t)
			checkLive(t, l, east, ns, "configmaps", "services")
			if n := l.count(t, `SELECT count(*) AS n FROM changes WHERE namespace = 'killed'`); n < kills {
				t.Errorf("only %d changes were seen of %d", n, changed)
			}
			unchanged(t, l)
			t.Logf("%d of %d syncs were killed while running; %d changes to the cluster", killed, tries, changed)
		})
	}
}

// kill starts a sync, kills it after a while, and gives 1 if it was still running then.
func kill(t *testing.T, l lake, after time.Duration) int {
	t.Helper()
	command := l.command(t.Context(), "sync")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	_ = command.Process.Kill() // An error means that it has ended.
	_ = command.Wait()
	if command.ProcessState.Exited() {
		return 0
	}
	return 1
}

// Three syncs of the same cluster into the same lake at once: whichever wins, nothing is there twice and nothing is lost, not even
// to queries meanwhile.
func TestSyncsAtOnce(t *testing.T) {
	const ns = "at-once"
	namespace(t, west, ns)
	for name, l := range bothLakes(t, provider("west", admin(t, west)), selectTypes("core.v1.ConfigMap", "core.v1.Service")) {
		t.Run(name, func(t *testing.T) {
			stop := churn(t, west, ns)
			defer stop()
			for round := range rounds {
				results := make([]result, 3)
				var wait sync.WaitGroup
				for i := range results {
					wait.Go(func() { results[i] = l.run(t, "sync") })
				}
				if round > 0 { // There is a lake.
					l.checkIntegrity(t)
				}
				wait.Wait()
				ok := 0
				for _, r := range results {
					switch {
					case r.code == 0:
						ok++
					case r.code != 1 && r.code != 3 || strings.Contains(r.stderr, "panic") || strings.TrimSpace(r.stderr) == "":
						t.Errorf("round %d: a sync that lost a race: exit code %d\n%s", round, r.code, r.stderr)
					}
				}
				if ok == 0 {
					t.Errorf("round %d: none of three syncs succeeded, such as:\n%s", round, results[0].stderr)
				}
			}
			stop()
			l.sync(t)
			l.checkIntegrity(t)
			checkLive(t, l, west, ns, "configmaps", "services")
			unchanged(t, l)
		})
	}
}

// An interrupted sync ends at once with exit code 130 and leaves a lake that the next one goes on from.
func TestInterrupt(t *testing.T) {
	l := folderLake(t, provider("east", admin(t, east)))
	interrupted := 0
	for i := range 20 {
		command := l.command(t.Context(), "sync")
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+30*i) * time.Millisecond)
		_ = command.Process.Signal(os.Interrupt) // An error means that it has ended.
		_ = command.Wait()
		switch code := command.ProcessState.ExitCode(); code {
		case 0:
		case 130:
			interrupted++
		case -1: // The signal came before k8sq was listening for it, and ended it as it ends any process.
		default:
			t.Errorf("an interrupted sync: exit code %d", code)
		}
	}
	if interrupted == 0 {
		t.Error("no sync was interrupted")
	}
	l.sync(t)
	l.checkIntegrity(t)
	l.expectNone(t, "a lake with few objects", `SELECT 1 AS one WHERE (SELECT count(*) FROM snapshots) < 100`)
}

// Each file of the lake's tables can be read alone by any engine: nothing temporary or half written lies under them after a crash.
func TestKilledFirstSync(t *testing.T) {
	for name, l := range bothLakes(t, provider("east", admin(t, east)), selectTypes("core.v1.ConfigMap", "rbac.authorization.k8s.io.v1.ClusterRole")) {
		t.Run(name, func(t *testing.T) {
			for i := range 8 {
				kill(t, l, time.Duration(i)*60*time.Millisecond)
				for key := range l.dataFiles(t) {
					if !strings.HasSuffix(key, ".parquet") {
						t.Errorf("after a kill, %s lies under a table", key)
					}
				}
			}
			l.sync(t)
			l.checkIntegrity(t)
			l.expectNone(t, "types without objects", `SELECT 1 AS one WHERE (SELECT count(DISTINCT type) FROM snapshots) <> 2`)
		})
	}
}
