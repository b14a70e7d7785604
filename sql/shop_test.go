package sql

import (
	"sync"
	"testing"

	"os"
	"path/filepath"
)

var (
	prod   = [2]string{"prod", "aws"}
	number = [2]string{"123", "gcp"} // must stay text
	odd    = [2]string{"o'dd/é %", "kind"}
)

const (
	web1     = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","uid":"d1","creationTimestamp":"2026-01-01T08:00:00Z","labels":{"app":"web"},"annotations":{"deployment.kubernetes.io/revision":"1"},"generation":1},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},"strategy":{"type":"RollingUpdate"},"template":{"spec":{"containers":[{"name":"web","image":"web:1"}]}}},"status":{"readyReplicas":2,"updatedReplicas":2,"availableReplicas":2,"observedGeneration":1}}`
	web2     = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","uid":"d1","creationTimestamp":"2026-01-01T08:00:00Z","labels":{"app":"web"},"annotations":{"deployment.kubernetes.io/revision":"2"},"generation":2},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},"strategy":{"type":"RollingUpdate"},"template":{"spec":{"containers":[{"name":"web","image":"web:2"}]}}},"status":{"readyReplicas":1,"updatedReplicas":1,"availableReplicas":1,"unavailableReplicas":1,"observedGeneration":2}}`
	web3     = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","uid":"d1","creationTimestamp":"2026-01-01T08:00:00Z","labels":{"app":"web"},"annotations":{"deployment.kubernetes.io/revision":"2"},"generation":3},"spec":{"replicas":5,"selector":{"matchLabels":{"app":"web"}},"strategy":{"type":"RollingUpdate"},"template":{"spec":{"containers":[{"name":"web","image":"web:2"}]}}},"status":{"readyReplicas":5,"updatedReplicas":5,"availableReplicas":5,"observedGeneration":3}}`
	podRuns  = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-1","namespace":"shop","uid":"p1","creationTimestamp":"2026-01-01T08:01:00Z","labels":{"app":"web"},"ownerReferences":[{"kind":"ReplicaSet","name":"web-abc","uid":"r1","controller":true}]},"spec":{"nodeName":"n1","serviceAccountName":"web","containers":[{"name":"web","image":"web:2"},{"name":"proxy","image":"envoy:3"}]},"status":{"phase":"Running","podIP":"10.0.0.1","hostIP":"10.1.0.1","qosClass":"Burstable","startTime":"2026-01-01T08:01:05Z","containerStatuses":[{"name":"web","ready":true,"restartCount":3,"state":{"running":{"startedAt":"2026-01-01T08:02:00Z"}},"lastState":{"terminated":{"finishedAt":"2026-01-01T08:01:55Z"}}},{"name":"proxy","ready":true,"restartCount":0,"state":{"running":{}}}]}}`
	podCrash = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-2","namespace":"shop","uid":"p2","creationTimestamp":"2026-01-01T08:01:00Z"},"spec":{"containers":[{"name":"web","image":"web:1"}]},"status":{"phase":"Running","containerStatuses":[{"name":"web","ready":false,"restartCount":7,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}`
	podOther = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-1","namespace":"bank","uid":"p3"},"spec":{"containers":[{"name":"a","image":"a"}]},"status":{"phase":"Pending"}}`
	service  = `{"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"shop","uid":"s1"},"spec":{"type":"LoadBalancer","clusterIP":"10.96.0.1","externalIPs":["1.2.3.4"],"ports":[{"port":80,"nodePort":31234,"protocol":"TCP"},{"port":53,"protocol":"UDP"}],"selector":{"app":"web"}},"status":{"loadBalancer":{"ingress":[{"ip":"5.6.7.8"},{"hostname":"lb.example.com"}]}}}`
	nodeOne  = `{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1","uid":"n1","labels":{"node-role.kubernetes.io/control-plane":"","topology.kubernetes.io/zone":"a"}},"spec":{"providerID":"aws:///a/i-1","unschedulable":true,"taints":[{"key":"k","effect":"NoSchedule"}]},"status":{"conditions":[{"type":"MemoryPressure","status":"False"},{"type":"Ready","status":"True"}],"addresses":[{"type":"InternalIP","address":"10.1.0.1"},{"type":"ExternalIP","address":"9.9.9.9"}],"capacity":{"cpu":"4","memory":"16Gi","pods":"110"},"allocatable":{"cpu":"3900m","memory":"15Gi"},"nodeInfo":{"kubeletVersion":"v1.37.2","osImage":"Debian","kernelVersion":"6.1","containerRuntimeVersion":"containerd://2","architecture":"amd64"}}}`
	secret1  = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db","namespace":"shop","uid":"x1"},"data":{"password":"hmac-sha256:00000000000000000000000000000001"},"type":"Opaque"}`
	secret2  = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db","namespace":"shop","uid":"x1"},"data":{"password":"hmac-sha256:00000000000000000000000000000002"},"type":"Opaque"}`
	role1    = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"reader","uid":"c1"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}`
	role2    = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"reader","uid":"c1"},"rules":[{"apiGroups":[""],"resources":["pods","secrets"],"verbs":["get"]}]}`
	binding  = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"ops","uid":"b1"},"roleRef":{"kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"User","name":"eve"}]}`
	config   = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"conf","namespace":"shop","uid":"m1"},"data":{"a.b":"1","quote'\"é":"2"}}`
)

// shop is the history of a small shop.
func shop(t testing.TB) *history {
	t.Helper()
	h := &history{}
	for _, place := range [][2]string{prod, number, odd} {
		h.record(t, place, on(1, "09:00"), "discovered", web1, "")
		h.record(t, place, on(1, "09:00"), "discovered", podRuns, "")
		h.record(t, place, on(1, "09:00"), "discovered", podCrash, "")
	}
	h.record(t, prod, on(1, "09:00"), "discovered", podOther, "")
	h.record(t, prod, on(1, "09:00"), "discovered", service, "")
	h.record(t, prod, on(1, "09:00"), "discovered", nodeOne, "")
	h.record(t, prod, on(1, "09:00"), "discovered", secret1, "")
	h.record(t, prod, on(1, "09:00"), "discovered", role1, "")
	h.record(t, prod, on(1, "09:00"), "discovered", config, "")
	h.record(t, prod, on(2, "09:00"), "updated", web2, `{"added":{},"updated":{"metadata.annotations['deployment.kubernetes.io/revision']":{"from":"1","to":"2"},"metadata.generation":{"from":1,"to":2},"spec.template.spec.containers[0].image":{"from":"web:1","to":"web:2"},"status.readyReplicas":{"from":2,"to":1}},"removed":{}}`)
	h.record(t, prod, on(2, "09:00"), "deleted", podCrash, "")
	h.record(t, prod, on(3, "09:00"), "updated", web3, `{"added":{},"updated":{"metadata.generation":{"from":2,"to":3},"spec.replicas":{"from":2,"to":5},"status.readyReplicas":{"from":1,"to":5}},"removed":{"status.unavailableReplicas":1}}`)
	h.record(t, prod, on(3, "09:00"), "updated", secret2, `{"added":{},"updated":{"data.password":{"from":"hmac-sha256:00000000000000000000000000000001","to":"hmac-sha256:00000000000000000000000000000002"}},"removed":{}}`)
	h.record(t, prod, on(3, "23:59"), "updated", role2, `{"added":{"rules[0].resources[1]":"secrets"},"updated":{},"removed":{}}`)
	h.record(t, prod, on(4, "00:00"), "created", binding, "")
	h.record(t, prod, on(4, "00:00"), "updated", config, `{"added":{"data['quote''\"é']":null,"data['a.b']":{"deep":[1,2,{"x":null}]}},"updated":{"spec.x":{"from":null,"to":12345678901234567890}},"removed":{"data['gone.key']":"x","status.y":true}}`)
	h.record(t, number, on(4, "00:00"), "updated", web2, `{"added":{},"updated":{"spec.template.spec.containers[0].image":{"from":"web:1","to":"web:2"}},"removed":{}}`)
	for _, s := range []row{
		{"cluster": "prod", "provider": "aws", "date": "2026-01-03", "sync_id": "a", "type": "core.v1.Pod", "status": "complete", "listed": 3, "created": 0, "updated": 0, "deleted": 0, "started_at": on(3, "09:00"), "finished_at": on(3, "09:01")},
		{"cluster": "prod", "provider": "aws", "date": "2026-01-04", "sync_id": "b", "type": "core.v1.Pod", "status": "complete", "listed": 2, "created": 0, "updated": 0, "deleted": 0, "started_at": on(4, "00:00"), "finished_at": on(4, "00:01")},
		{"cluster": "prod", "provider": "aws", "date": "2026-01-04", "sync_id": "b", "type": "core.v1.Secret", "status": "forbidden", "listed": 0, "created": 0, "updated": 0, "deleted": 0, "started_at": on(4, "00:00"), "finished_at": on(4, "00:01"), "error": "secrets is forbidden"},
		{"cluster": "123", "provider": "gcp", "date": "2026-01-04", "sync_id": "c", "type": "apps.v1.Deployment", "status": "partial", "listed": 1, "created": 0, "updated": 1, "deleted": 0, "started_at": on(4, "00:00"), "finished_at": on(4, "00:02"), "error": "connection lost"},
	} {
		h.syncs = append(h.syncs, s)
	}
	h.clusters = append(h.clusters,
		row{"cluster": "prod", "provider": "aws", "name": "Production", "tags": map[string]string{"env": "prod"}, "server_version": "v1.37.2", "last_sync_id": "b", "last_sync_at": on(4, "00:01"), "last_sync_status": "partial", "listed_types": []string{"core.v1.Pod"}, "listed_scopes": map[string]string{}},
		row{"cluster": "123", "provider": "gcp", "name": "123", "tags": map[string]string{}, "last_sync_id": "c", "last_sync_at": on(4, "00:02"), "last_sync_status": "partial", "listed_types": []string{}, "listed_scopes": map[string]string{}})
	return h
}

var (
	shopOnce   sync.Once
	shopFolder string
)

// TestMain keeps one copy of the shop's lake, which no test changes, for all of them.
func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "k8sq-sql-test-")
	if err != nil {
		panic(err)
	}
	shopFolder = filepath.Join(folder, "lake=shop") // a folder that looks like a partition
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// shopLake gives a Lake over the shop's history.
func shopLake(t testing.TB) *folderLake {
	t.Helper()
	shopOnce.Do(func() { shop(t).write(t, shopFolder) })
	return &folderLake{folder: shopFolder}
}
