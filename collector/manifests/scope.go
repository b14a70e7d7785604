package manifests

import "strings"

// builtIn are Kubernetes' own groups; all their kinds are namespaced but those of clusterScoped.
var builtIn = map[string]bool{
	"": true, "apps": true, "batch": true, "autoscaling": true, "policy": true, "extensions": true,
	"admissionregistration.k8s.io": true, "apiextensions.k8s.io": true, "apiregistration.k8s.io": true, "authentication.k8s.io": true,
	"authorization.k8s.io": true, "certificates.k8s.io": true, "coordination.k8s.io": true, "discovery.k8s.io": true, "events.k8s.io": true,
	"flowcontrol.apiserver.k8s.io": true, "imagepolicy.k8s.io": true, "internal.apiserver.k8s.io": true, "networking.k8s.io": true,
	"node.k8s.io": true, "rbac.authorization.k8s.io": true, "resource.k8s.io": true, "scheduling.k8s.io": true, "storage.k8s.io": true,
	"storagemigration.k8s.io": true,
}

type groupKind struct{ group, kind string }

// clusterScoped are the kinds of built-in groups that have no namespace: those marked genclient:nonNamespaced in k8s.io/api, those of the
// two groups outside of it, and PodSecurityPolicy and ClusterCIDR, which are gone but still stand in files.
var clusterScoped = map[groupKind]bool{
	{"", "ComponentStatus"}:  true,
	{"", "Namespace"}:        true,
	{"", "Node"}:             true,
	{"", "PersistentVolume"}: true,
	{"admissionregistration.k8s.io", "MutatingAdmissionPolicy"}:          true,
	{"admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"}:   true,
	{"admissionregistration.k8s.io", "MutatingWebhookConfiguration"}:     true,
	{"admissionregistration.k8s.io", "ValidatingAdmissionPolicy"}:        true,
	{"admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"}: true,
	{"admissionregistration.k8s.io", "ValidatingWebhookConfiguration"}:   true,
	{"apiextensions.k8s.io", "CustomResourceDefinition"}:                 true,
	{"apiregistration.k8s.io", "APIService"}:                             true,
	{"authentication.k8s.io", "SelfSubjectReview"}:                       true,
	{"authentication.k8s.io", "TokenReview"}:                             true,
	{"authorization.k8s.io", "SelfSubjectAccessReview"}:                  true,
	{"authorization.k8s.io", "SelfSubjectRulesReview"}:                   true,
	{"authorization.k8s.io", "SubjectAccessReview"}:                      true,
	{"certificates.k8s.io", "CertificateSigningRequest"}:                 true,
	{"certificates.k8s.io", "ClusterTrustBundle"}:                        true,
	{"extensions", "PodSecurityPolicy"}:                                  true,
	{"flowcontrol.apiserver.k8s.io", "FlowSchema"}:                       true,
	{"flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"}:       true,
	{"imagepolicy.k8s.io", "ImageReview"}:                                true,
	{"internal.apiserver.k8s.io", "StorageVersion"}:                      true,
	{"networking.k8s.io", "ClusterCIDR"}:                                 true,
	{"networking.k8s.io", "IPAddress"}:                                   true,
	{"networking.k8s.io", "IngressClass"}:                                true,
	{"networking.k8s.io", "ServiceCIDR"}:                                 true,
	{"node.k8s.io", "RuntimeClass"}:                                      true,
	{"policy", "PodSecurityPolicy"}:                                      true,
	{"rbac.authorization.k8s.io", "ClusterRole"}:                         true,
	{"rbac.authorization.k8s.io", "ClusterRoleBinding"}:                  true,
	{"resource.k8s.io", "DeviceClass"}:                                   true,
	{"resource.k8s.io", "DeviceTaintRule"}:                               true,
	{"resource.k8s.io", "ResourcePoolStatusRequest"}:                     true,
	{"resource.k8s.io", "ResourceSlice"}:                                 true,
	{"scheduling.k8s.io", "PriorityClass"}:                               true,
	{"storage.k8s.io", "CSIDriver"}:                                      true,
	{"storage.k8s.io", "CSINode"}:                                        true,
	{"storage.k8s.io", "StorageClass"}:                                   true,
	{"storage.k8s.io", "VolumeAttachment"}:                               true,
	{"storage.k8s.io", "VolumeAttributesClass"}:                          true,
	{"storagemigration.k8s.io", "StorageVersionMigration"}:               true,
}

// definition is what a CustomResourceDefinition says of its kind.
type definition struct {
	namespaced bool
	plural     string
}

// scopes knows which kinds are namespaced.
type scopes map[groupKind]definition

// namespaced tells whether objects of a kind have a namespace; named says whether any of them names one, for kinds of which nothing else is
// known.
func (s scopes) namespaced(group, kind string, named bool) bool {
	if builtIn[group] {
		return !clusterScoped[groupKind{group, kind}]
	}
	if definition, found := s[groupKind{group, kind}]; found {
		return definition.namespaced
	}
	return named
}

// plural gives a kind's plural from its CustomResourceDefinition, or guesses.
func (s scopes) plural(group, kind string) string {
	if definition, found := s[groupKind{group, kind}]; found && definition.plural != "" {
		return definition.plural
	}
	return plural(kind)
}

// plural guesses the plural of a kind as the API has it.
func plural(kind string) string {
	name := strings.ToLower(kind)
	switch {
	case name == "endpoints":
		return name
	case strings.HasSuffix(name, "s"), strings.HasSuffix(name, "x"), strings.HasSuffix(name, "ch"), strings.HasSuffix(name, "sh"):
		return name + "es"
	case strings.HasSuffix(name, "y") && !strings.HasSuffix(name, "ay") && !strings.HasSuffix(name, "ey") && !strings.HasSuffix(name, "oy"):
		return strings.TrimSuffix(name, "y") + "ies"
	}
	return name + "s"
}
