package document

// mergeKey is a set of fields that tell the elements of a list apart. The first must be there in every element; the others may
// have a value that holds where they are absent.
type mergeKey []keyField

type keyField struct {
	name     string
	fallback string // canonical JSON of the field's default, "" if it has none
}

var (
	byName = []mergeKey{{{name: "name"}}}
	byIP   = []mergeKey{{{name: "ip"}}}
)

// mergeKeys says by what the elements of a list are aligned, by the name of the field that holds the list: the patchMergeKey and
// x-kubernetes-list-map-keys of the built-in kinds (k8s.io/api), by hand until they are read from the cluster's own schemas.
// A name stands for every list of that name, in custom resources too: a key that is absent or not unique aligns nothing, and the
// next one, or the index, takes its place. Lists that Kubernetes replaces as a whole (tolerations, a role's rules, a binding's
// subjects, projected sources) are not here.
var mergeKeys = map[string][]mergeKey{
	// PodSpec and Container.
	"containers":          byName,
	"initContainers":      byName,
	"ephemeralContainers": byName,
	"volumes":             byName,
	"imagePullSecrets":    byName,
	"resourceClaims":      byName,
	"schedulingGates":     byName,
	"hostAliases":         byIP,
	"topologySpreadConstraints": {
		{{name: "topologyKey"}, {name: "whenUnsatisfiable"}},
	},
	"env":           byName,
	"volumeMounts":  {{{name: "mountPath"}}},
	"volumeDevices": {{{name: "devicePath"}}},
	"claims":        byName, // resources.claims
	"ports": {
		{{name: "containerPort"}, {name: "protocol", fallback: `"TCP"`}}, // of a container
		{{name: "port"}, {name: "protocol", fallback: `"TCP"`}},          // of a Service
	},
	// Status. The container statuses are declared atomic, but stand in the order of the containers: a sidecar moves them alike.
	"conditions":                 {{{name: "type"}}},
	"podIPs":                     byIP,
	"hostIPs":                    byIP,
	"resourceClaimStatuses":      byName,
	"containerStatuses":          byName,
	"initContainerStatuses":      byName,
	"ephemeralContainerStatuses": byName,
	"addresses":                  {{{name: "type"}}}, // of a node; those of one with two of a type go by index
	// Other kinds.
	"ownerReferences": {{{name: "uid"}}},
	"secrets":         byName, // of a ServiceAccount
	"webhooks":        byName,
	"matchConditions": byName,
	"drivers":         byName, // of a CSINode
}
