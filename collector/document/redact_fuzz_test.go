package document

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/lake"
)

// planter makes objects that hold markers in every place that redaction knows, and copies of them, encoded, in places that no rule knows.
type planter struct {
	*rand.Rand
	markers []string
}

// marker makes a value to be hidden.
func (p *planter) marker() string {
	const letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	b := []byte("mK7")
	for range 9 + p.IntN(6) {
		b = append(b, letters[p.IntN(len(letters))])
	}
	m := string(b)
	switch p.IntN(5) {
	case 0:
		m += []string{`"x`, `<&>`, "ü!", `\y`, "+/="}[p.IntN(5)]
	case 1:
		m = []string{`"`, "?", "é"}[p.IntN(3)] + m
	}
	p.markers = append(p.markers, m)
	return m
}

func toJSON(value any) string {
	b, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// disguise gives a text that holds a marker in some form, as a second place would.
func (p *planter) disguise(marker string) string {
	switch p.IntN(9) {
	case 0:
		return marker
	case 1:
		return "before " + marker + " after"
	case 2:
		return b64(marker)
	case 3:
		return "Basic " + b64("joe:"+marker)
	case 4:
		return base64.RawURLEncoding.EncodeToString([]byte("ab" + marker + "cd"))
	case 5:
		return toJSON(map[string]string{"x": marker})
	case 6:
		return "https://example.com/?x=" + url.QueryEscape(marker)
	case 7:
		var b strings.Builder
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode([]string{marker})
		return b.String()
	}
	return toJSON(toJSON(marker))
}

func (p *planter) pick(texts ...string) string { return texts[p.IntN(len(texts))] }

func (p *planter) name() string {
	return p.pick("PASSWORD", "db-password", "apiToken", "AWS_SECRET_ACCESS_KEY", "credentials", "tls.key", "SECRET", "PGPASSWORD", "x.y/token")
}

type object = map[string]any

func (p *planter) container() object {
	env := []any{object{"name": "A", "value": "b"}, object{"name": p.name(), "value": p.marker()}}
	if p.IntN(2) == 0 {
		// What stands in a URL has no sign that would end it there.
		m := p.marker()
		env = append(env, object{"name": "DATABASE_URL", "value": "postgres://joe:" + url.PathEscape(m) + "@db/x"})
		p.markers[len(p.markers)-1] = url.PathEscape(m)
	}
	args := []any{"--listen=:80"}
	switch p.IntN(4) {
	case 0:
		args = append(args, "--token", p.marker())
	case 1:
		m := url.QueryEscape(p.marker()) // no quote, which would end it
		p.markers[len(p.markers)-1] = m
		args = append(args, "--password="+m)
	}
	return object{"name": "c", "env": env, "args": args}
}

func (p *planter) podSpec() object {
	return object{p.pick("containers", "initContainers", "ephemeralContainers"): []any{p.container(), p.container()}}
}

// body makes the object but for its metadata.
func (p *planter) body() (Resource, object) {
	resource := func(group, version, kind string) Resource {
		return Resource{APIGroup: group, APIVersion: version, Kind: kind, Namespaced: true}
	}
	switch p.IntN(7) {
	case 0:
		return podResource, object{"spec": p.podSpec()}
	case 1:
		template := object{"spec": p.podSpec()}
		return resource("batch", "v1", "CronJob"), object{"spec": object{"jobTemplate": object{"spec": object{"template": template}}}}
	case 2:
		return resource("core", "v1", "ConfigMap"), object{"data": object{p.name(): p.marker(), "colour": "blue"}, "binaryData": object{p.name() + "2": b64(p.marker())}}
	case 3:
		return resource("example.com", "v1", "Vault"), object{"spec": object{"any": []any{object{"thing": p.marker()}}}} // by type
	case 4:
		return resource("example.com", "v1", "Thing"), object{"spec": object{"theLozenge": p.marker(), "users": []any{object{"pin": p.marker()}}, "params": []any{
			object{"name": p.name(), "value": p.marker()}}, "manifests": []any{object{"apiVersion": "v1", "kind": "Secret", "data": object{"a": b64(p.marker())}}}}}
	case 5:
		m := fmt.Sprintf("XX%08d%s", p.IntN(1e8), "Yz")
		p.markers = append(p.markers, m[:10])
		return resource("example.com", "v1", "Thing"), object{"spec": object{"text": "it is " + m}}
	}
	m := p.marker()
	return secretResource, object{"type": "Opaque", "data": object{"a": p.pick(b64(m), b64(m+"\n"))}, "stringData": object{"b": p.marker(), "c": b64(p.marker())}}
}

// plant makes an object of parts of which some hold markers.
func (p *planter) plant() (Resource, string) {
	first := len(p.markers)
	resource, whole := p.body()
	annotations := object{"note": "harmless"}
	copied := object{}
	for key, value := range whole {
		copied[key] = value
	}
	copied["apiVersion"], copied["kind"] = groupVersion(resource.APIGroup, resource.APIVersion), resource.Kind
	copied["metadata"] = object{"name": "x"}
	switch text := toJSON(copied); p.IntN(7) {
	case 0:
		annotations[lastApplied] = text
	case 1:
		annotations[p.pick(kappOriginal, "example.com/backup")] = "  " + text
	case 2:
		annotations[lastApplied] = toJSON(object{"kind": "List", "items": []any{copied}})
	case 3:
		annotations[lastApplied] = toJSON(object{"kind": "X", "metadata": object{"annotations": object{lastApplied: text}}})
	case 4:
		var packed bytes.Buffer
		writer := gzip.NewWriter(&packed)
		_, _ = writer.Write([]byte(text))
		_ = writer.Close()
		annotations["objectset.rio.cattle.io/applied"] = base64.StdEncoding.EncodeToString(packed.Bytes())
	case 5:
		annotations[kappDiff] = "- type: test\n  value: " + text
	}
	if p.IntN(3) == 0 {
		annotations["example.com/api-token"] = p.marker()
	}
	labels := object{"app": "x"}
	status := object{"phase": "Running"}
	for _, marker := range p.markers[first:] {
		switch p.IntN(5) {
		case 0:
			annotations["example.com/"+p.pick("a", "b", "c")] = p.disguise(marker)
		case 1:
			status["message"] = p.disguise(marker)
		case 2:
			labels["slip"] = p.disguise(marker)
		case 3:
			status[p.disguise(marker)] = "a key"
		}
	}
	whole["metadata"] = object{"name": "x", "namespace": "n", "annotations": annotations, "labels": labels,
		"managedFields": []any{object{"manager": "m", "fieldsV1": object{`v:"` + p.markers[first] + `"`: object{}}}}}
	whole["status"] = status
	return resource, toJSON(whole)
}

var plantRules = Rules{
	Types: []string{"example.com.v1.Vault*"}, Names: []string{"*lozenge*"}, Paths: paths("spec.users[*].pin"), Patterns: []*regexp.Regexp{regexp.MustCompile(`XX[0-9]{8}`)},
}

// traces finds a marker in a text, in any form.
func traces(text, marker string) string {
	core := regexp.MustCompile(`[A-Za-z0-9]{8,}`).FindString(marker)
	forms := []string{core}
	for shift := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte("abc"[:shift] + core))
		forms = append(forms, encoded[(shift*8+5)/6:(shift+len(core))*8/6])
	}
	for _, form := range forms {
		if strings.Contains(text, form) {
			return form
		}
	}
	return ""
}

// FuzzNoMarker plants markers everywhere and finds none: in the columns, in the difference to an object with other markers, and in what an error
// says of an object that is broken off.
func FuzzNoMarker(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed)
	}
	normalizer, other := NewNormalizer(testRedactor.With(plantRules)), NewNormalizer(testRedactor.With(plantRules))
	f.Fuzz(func(t *testing.T, seed uint64) {
		p := &planter{Rand: rand.New(rand.NewPCG(seed, 1))}
		resource, raw := p.plant()
		o, err := normalizer.Normalize(resource, []byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		otherResource, otherRaw := p.plant() // whose markers are among before's too
		n, err := other.Normalize(otherResource, []byte(otherRaw))
		if err != nil {
			t.Fatal(err)
		}
		diff, err := Diff(o.State, n.State, Options{})
		if err != nil {
			t.Fatal(err)
		}
		markers := p.markers
		out := outOf(o) + outOf(n) + string(diff.JSON) + strings.Join(diff.Paths, " ")
		for _, marker := range markers {
			if form := traces(out, marker); form != "" {
				at := strings.Index(out, form)
				t.Errorf("seed %d: %q of %q is in …%s", seed, form, marker, out[max(0, at-200):min(len(out), at+100)])
			}
		}
		if !json.Valid(o.Whole) {
			t.Errorf("seed %d: not JSON: %s", seed, o.Whole)
		}
		digest, err := DigestOf(o.Identity, o.State, nil)
		if err != nil || digest != o.Digest {
			t.Errorf("seed %d: the digest of the columns is another, %v", seed, err)
		}
		if _, changed, err := other.Again(o.Identity, o.State); changed || err != nil {
			t.Errorf("seed %d: redacted again, it changes, %v: %s", seed, err, o.Whole)
		}
		for range 5 {
			_, err := normalizer.Normalize(resource, []byte(raw[:p.IntN(len(raw))]))
			for _, marker := range markers {
				if err == nil || traces(err.Error(), marker) != "" {
					t.Errorf("seed %d: the error is %v", seed, err)
				}
			}
		}
	})
}

func outOf(o *Object) string {
	return fmt.Sprintf("%s %s %s %s %s %s", o.Whole, o.Metadata, o.Spec, o.Status, o.Fields, toJSON([]any{o.Labels, o.Annotations, lake.State{Phase: o.Phase}}))
}

// FuzzText: no text makes redaction or the finder fail, and what was redacted once is not changed again.
func FuzzText(f *testing.F) {
	for _, text := range []string{"a://b:c@d,e://f:g@h", "password: |\n  x\n", `{"password": "x\"y"}`, "--token=x;y", "TOKEN=$(x", "a:b@tcp(c)", "- key: >-\n\n x", "secret='x", `token:"`} {
		f.Add(text)
	}
	r, finder := testRedactor.begin(), NewFinder()
	f.Fuzz(func(t *testing.T, text string) {
		r.secrets, r.plain = r.secrets[:0], r.plain[:0]
		once, _ := r.text([]byte(text), doubtful)
		once = bytes.Clone(once)
		if twice, changed := r.text(once, doubtful); changed {
			t.Errorf("%q became %q and then %q", text, once, twice)
		}
		finder.report = func(Finding) {}
		finder.text([]byte(text), []byte("password"))
		_, last := r.judge([]byte(text))
		innocent(last, []byte(text))
	})
}
