package document

// ignore flags the fields that change without meaning: metadata.resourceVersion and the heartbeat times of status.conditions. They
// are stored, but digest and diff leave them out; the flag says which way (ignored or dropped). t is a whole object.
func ignore(t *tree, flag uint8) {
	if metadata, ok := t.member(root, "metadata"); ok {
		mark(t, metadata, "resourceVersion", flag)
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
		mark(t, condition, "lastHeartbeatTime", flag) // a node's kubelet says every few minutes that it lives
		mark(t, condition, "lastProbeTime", flag)     // likewise of pods, jobs and some custom resources
	}
}

func mark(t *tree, object uint32, key string, flag uint8) {
	if m, ok := t.member(object, key); ok {
		t.nodes[m].flags |= flag
	}
}
