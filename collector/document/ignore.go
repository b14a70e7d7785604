package document

// ignore marks the fields that change without meaning, so that digest and diff leave them out: metadata.resourceVersion and the
// heartbeat times of status.conditions. They are stored all the same. t is a whole object.
func ignore(t *tree) {
	if metadata, ok := t.member(root, "metadata"); ok {
		mark(t, metadata, "resourceVersion")
	}
	status, ok := t.member(root, "status")
	if !ok {
		return
	}
	conditions, ok := t.member(status, "conditions")
	if !ok || t.nodes[conditions].kind != kindArray {
		return
	}
	for _, condition := range t.elements(conditions) {
		mark(t, condition, "lastHeartbeatTime") // a node's kubelet says every few minutes that it lives
		mark(t, condition, "lastProbeTime")     // likewise of pods, jobs and some custom resources
	}
}

func mark(t *tree, object uint32, key string) {
	if m, ok := t.member(object, key); ok {
		t.nodes[m].flags |= ignored
	}
}
