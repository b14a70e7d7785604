// Package document turns the raw JSON of a Kubernetes object into what the lake stores of it: identity, columns, canonical
// JSON after redaction, and a digest; and it compares two stored states leaf by leaf.
//
// Canonical JSON here is: object keys sorted by their UTF-8 bytes, no insignificant space, strings with only the escapes that
// JSON demands (RFC 8785, 3.2.2.2), and numbers exactly as they were written, since a conversion to floating point would change
// 9007199254740993. Two documents that differ only in space, key order or escapes have the same canonical form.
//
// The canonical whole of an object is its canonical JSON with apiVersion and kind taken from the resource it was listed from,
// without metadata.managedFields, and with secrets redacted. The digest covers the whole but for the ignored fields (ignore.go);
// the diff leaves the same fields out, so that equal digests and an empty diff mean the same.
package document

import "github.com/k8sq/k8sq/lake"

// Resource is what the list that an object came from says of it. It is trusted over the object's own apiVersion and kind.
type Resource struct {
	APIGroup   string // "core" for the legacy group, "apps"
	APIVersion string // "v1"
	Kind       string // "Deployment"
	Namespaced bool
}

// groupVersion is the apiVersion as objects write it: "v1", "apps/v1".
func groupVersion(apiGroup, apiVersion string) string {
	if apiGroup == "core" || apiGroup == "" {
		return apiVersion
	}
	return apiGroup + "/" + apiVersion
}

// resourceOf is the resource an identity belongs to.
func resourceOf(identity lake.Identity) Resource {
	return Resource{APIGroup: identity.APIGroup, APIVersion: identity.APIVersion, Kind: identity.Kind, Namespaced: identity.Namespace != ""}
}
