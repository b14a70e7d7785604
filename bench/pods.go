package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8sq/k8sq/test/e2e/servers"
)

// template is a pod as a real API server gave it: created by the ReplicaSet controller, its status set by the kubelet, with
// both their managedFields. 11.5 kB as JSON.
//
//go:embed pod.json
var template []byte

const (
	namespaces  = 20
	podsPerNode = 100
	deployments = 50 // in each namespace
)

// fill writes the namespaces, nodes and pods straight into etcd and waits until the API server has them all. A process of its own
// does it: Linux counts a parent's peak memory as its child's, so this one must stay small for k8sq's to be seen.
func (b *bench) fill(ctx context.Context) error {
	begin := time.Now()
	if err := b.fillBy(ctx, "pods", b.pods); err != nil {
		return err
	}
	fmt.Fprintf(b.progress, "wrote %d pods into etcd in %.1f s\n", b.pods, time.Since(begin).Seconds())
	for {
		count, err := b.count(ctx)
		if err == nil && count >= b.pods {
			// It may still be taking them into its cache, and says so. This also warms the connection and the server.
			if _, err = b.readRaw(ctx); err == nil {
				return nil
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("wait for the API server to have the pods: %w (last: %v)", context.Cause(ctx), err)
		}
		time.Sleep(time.Second) // The API server is busy taking in what was written.
	}
}

// fillBy has another process write so many of something into etcd.
func (b *bench) fillBy(ctx context.Context, what string, n int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, self, "fill", b.etcd.URL, b.cluster.Prefix, what, strconv.Itoa(n))
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("fill the cluster: %w", err)
	}
	return nil
}

// fillCommand is what that process does: its arguments are etcd's URL, the prefix, what to write and how many.
func fillCommand(ctx context.Context, arguments []string) error {
	if len(arguments) != 4 {
		return fmt.Errorf("fill: %d arguments, want 4", len(arguments))
	}
	n, err := strconv.Atoi(arguments[3])
	if err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	etcd := &servers.Etcd{URL: arguments[0]}
	if arguments[2] == "crds" {
		// One by one: what changed in one transaction has one revision, and the API server's watch of definitions may begin in the middle of it.
		for key, value := range customObjects(arguments[1], n) {
			if err := etcd.Put(ctx, func(yield func(string, []byte) bool) { yield(key, value) }); err != nil {
				return err
			}
		}
		return nil
	}
	var failed error
	if err := etcd.Put(ctx, objects(arguments[1], n, &failed)); err != nil {
		return err
	}
	return failed
}

// objects gives the keys and the protobuf of everything. What goes wrong ends the sequence and is left in failed.
func objects(prefix string, pods int, failed *error) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		scheme := runtime.NewScheme()
		if *failed = corev1.AddToScheme(scheme); *failed != nil {
			return
		}
		serializer := protobuf.NewSerializer(scheme, scheme)
		put := func(key string, object runtime.Object) bool {
			var content bytes.Buffer
			if *failed = serializer.Encode(object, &content); *failed != nil {
				return false
			}
			return yield(prefix+key, content.Bytes())
		}
		for i := range namespaces {
			name := fmt.Sprintf("shop-%02d", i)
			namespace := &corev1.Namespace{
				TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
				ObjectMeta: metav1.ObjectMeta{Name: name, UID: uid("namespace", i), CreationTimestamp: created},
				Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
				Status:     corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
			}
			if !put("/namespaces/"+name, namespace) {
				return
			}
		}
		for i := range pods/podsPerNode + 1 {
			node := &corev1.Node{
				TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
				ObjectMeta: metav1.ObjectMeta{Name: nodeName(i), UID: uid("node", i), CreationTimestamp: created},
				Spec:       corev1.NodeSpec{ProviderID: fmt.Sprintf("kind://docker/bench/%s", nodeName(i))},
			}
			if !put("/minions/"+nodeName(i), node) {
				return
			}
		}
		var model corev1.Pod
		if *failed = json.Unmarshal(template, &model); *failed != nil {
			return
		}
		for i := range pods {
			pod := podOf(&model, i)
			if !put("/pods/"+pod.Namespace+"/"+pod.Name, pod) {
				return
			}
		}
	}
}

// created is when all of it was, so that two runs have the same objects.
var created = metav1.NewTime(time.Date(2026, 10, 2, 6, 11, 10, 0, time.UTC))

// podOf gives the i-th pod: what differs between the pods of a real cluster differs.
func podOf(model *corev1.Pod, i int) *corev1.Pod {
	pod := model.DeepCopy()
	deployment := i / namespaces % deployments
	replicaSet := fmt.Sprintf("service-%02d-%s", deployment, hash("replicaset", i%namespaces, deployment)[:10])
	image := fmt.Sprintf("registry.example.com/shop/service-%02d", deployment)
	pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	pod.Namespace = fmt.Sprintf("shop-%02d", i%namespaces)
	pod.GenerateName = replicaSet + "-"
	pod.Name = replicaSet + "-" + hash("pod", i)[:5] + strconv.Itoa(i)
	pod.UID = uid("pod", i)
	pod.ResourceVersion = "" // etcd's revision takes its place.
	pod.CreationTimestamp = metav1.NewTime(created.Add(time.Duration(i) * time.Second))
	for _, key := range []string{"app", "app.kubernetes.io/name"} {
		pod.Labels[key] = fmt.Sprintf("service-%02d", deployment)
	}
	pod.Labels["pod-template-hash"] = strings.TrimPrefix(replicaSet, fmt.Sprintf("service-%02d-", deployment))
	pod.Annotations["checksum/config"] = hash("config", deployment)
	pod.OwnerReferences[0].Name = replicaSet
	pod.OwnerReferences[0].UID = uid("replicaset", i%namespaces*deployments+deployment)
	pod.Spec.NodeName = nodeName(i / podsPerNode)
	pod.Spec.Containers[0].Image = fmt.Sprintf("%s:1.%d.%d", image, deployment%9, deployment%4)
	pod.Status.PodIP = fmt.Sprintf("10.%d.%d.%d", 64+i>>16, i>>8&255, i&255)
	pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
	for c := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[c]
		status.ContainerID = "containerd://" + hash("container", i, c)
		if c == 0 {
			status.Image = pod.Spec.Containers[0].Image
			status.ImageID = image + "@sha256:" + hash("image", deployment)
			status.RestartCount = int32(i % 7)
		}
	}
	for c := range pod.Status.Conditions {
		pod.Status.Conditions[c].LastTransitionTime = metav1.NewTime(pod.CreationTimestamp.Add(time.Duration(4*c) * time.Second))
	}
	return pod
}

func nodeName(i int) string { return fmt.Sprintf("node-%04d", i) }

// hash gives 64 hexadecimal digits that follow from the words.
func hash(words ...any) string {
	sum := sha256.Sum256([]byte(fmt.Sprint(words...)))
	return hex.EncodeToString(sum[:])
}

func uid(kind string, i int) types.UID {
	h := hash(kind, i)
	return types.UID(fmt.Sprintf("%s-%s-4%s-8%s-%s", h[:8], h[8:12], h[12:15], h[15:18], h[18:30]))
}
