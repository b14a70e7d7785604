package collector

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/k8sq/k8sq/collector/document"
	"github.com/k8sq/k8sq/lake"
)

// verbatim is a provider that lists what it is given, of one resource each.
type verbatim map[Resource][]string

func (v verbatim) Discover(context.Context) (Discovery, error) {
	var discovery Discovery
	for resource := range v {
		discovery.Resources = append(discovery.Resources, resource)
	}
	return discovery, nil
}

func (v verbatim) List(_ context.Context, resource Resource, _ Selection, each func([]byte) error) (Listing, error) {
	for _, object := range v[resource] {
		if err := each([]byte(object)); err != nil {
			return Listing{}, err
		}
	}
	return Listing{}, nil
}

var (
	secretsList = Resource{Version: "v1", Kind: "Secret", Plural: "secrets", Namespaced: true, Ordered: true}
	podsList    = Resource{Version: "v1", Kind: "Pod", Plural: "pods", Namespaced: true, Ordered: false}
	vaultsList  = Resource{Group: "example.com", Version: "v1", Kind: "Vault", Plural: "vaults", Namespaced: true, Ordered: true}
)

// secretive makes a cluster's worth of objects that hold markers.
func secretive(round int) verbatim {
	marker := func(name string) string { return fmt.Sprintf("mArKeR%dx%s", round, name) }
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	object := func(metadata, rest string, arguments ...any) string {
		return fmt.Sprintf(`{"metadata":{"name":"o","namespace":"n","uid":"u","managedFields":[{"manager":"maker","operation":"Update","time":"2026-01-01T00:00:00Z",
			"fieldsV1":{"f:spec":{"v:\"`+marker("managed")+`\"":{}}}}]`+metadata+`},`+rest+`}`, arguments...)
	}
	copied := func(text string) string { quoted, _ := json.Marshal(text); return string(quoted) }
	secret := fmt.Sprintf(`{"apiVersion":"v1","kind":"Secret","data":{"a":%q}}`, encode(marker("data")))
	return verbatim{
		secretsList: {object(`,"annotations":{"kubectl.kubernetes.io/last-applied-configuration":`+copied(secret)+`,"note":`+copied("is "+marker("data"))+`}`,
			`"data":{"a":%q},"stringData":{"b":%q},"copy":%q`, encode(marker("data")), marker("string"), encode("x"+marker("string")))},
		configMaps: {object(``, `"data":{"password":%q,"app.ini":%q,"release":"x"}`, marker("config"), "db.password="+marker("ini")+"\n")},
		podsList: {object(`,"annotations":{"kubectl.kubernetes.io/last-applied-configuration":`+
			copied(fmt.Sprintf(`{"kind":"Pod","spec":{"containers":[{"env":[{"name":"TOKEN","value":%q}]}]}}`, marker("env")))+`}`,
			`"spec":{"containers":[{"name":"c","args":["--password=%s"],"env":[{"name":"TOKEN","value":%q},{"name":"URL","value":"a://b:%s@c"}]}]},"status":{"phase":"Running","message":%q}`,
			marker("arg"), marker("env"), marker("url"), "failed with "+marker("env"))},
		vaultsList: {object(``, `"spec":{"any":%q,"pattern":%q}`, marker("type"), "XX"+marker("pattern"))},
	}
}

// TestNoMarkerAnywhere syncs objects full of markers, changed from sync to sync, and a list that breaks off, and looks for the markers in all that
// the syncs leave and tell: every table, the events, the log, the errors.
func TestNoMarkerAnywhere(t *testing.T) {
	l := newLake(t)
	redactor := document.NewRedactor([]byte("0123456789abcdef")).With(document.Rules{
		Types: []string{"example.com.v1.*"}, Patterns: []*regexp.Regexp{regexp.MustCompile(`XX\w+`)},
	})
	var told bytes.Buffer
	sync := func(provider Provider) Result {
		options := optionsFor(l, provider)
		options.Redactor, options.Log = redactor, slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug}))
		options.Emit = func(event Event) error { return json.NewEncoder(&told).Encode(event) }
		result, err := Sync(t.Context(), options)
		fmt.Fprintf(&told, "%+v %v", result, err)
		return result
	}
	sync(secretive(1))
	sync(secretive(2))
	broken := secretive(3)
	for resource, objects := range broken {
		broken[resource] = []string{objects[0][:len(objects[0])-20]}
	}
	sync(broken)
	sync(verbatim{secretsList: nil})
	versions, changes := 0, 0
	write := func(row any) {
		encoded, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		told.Write(encoded)
	}
	for row := range snapshotsIn(t, l) {
		write(row)
	}
	for row := range versionsIn(t, l) {
		versions++
		write(row)
	}
	for row := range changesIn(t, l) {
		changes++
		write(row)
	}
	for row := range committed(t, l, lake.TableSyncs, lake.SyncRows) {
		write(row)
	}
	if versions < 8 || changes < 4 {
		t.Fatalf("%d versions, %d changes", versions, changes)
	}
	text := told.String()
	for _, trace := range []string{"mArKeR", "bUFyS2VS", "1BcktlU", "tQXJLZV", "ArKeR"} { // plain, and base64 at its three alignments
		if at := strings.Index(text, trace); at >= 0 {
			t.Errorf("%q is in …%s", trace, text[max(0, at-300):min(len(text), at+100)])
		}
	}
}

// TestStricterRules: what was stored under weaker rules is replaced when it is met again, and the change does not tell it.
func TestStricterRules(t *testing.T) {
	l := newLake(t)
	provider := verbatim{podsList: {`{"metadata":{"name":"o","namespace":"n"},"spec":{"x":[{"name":"TOKEN","value":"mArKeR123"}]}}`}}
	options := optionsFor(l, provider)
	options.Redactor = options.Redactor.With(document.Rules{Keep: document.Defaults{Env: true}})
	syncOnce(t, options)
	if _, counts := syncOnce(t, optionsFor(l, provider)); counts != "complete 1 +0 ~1 -0" {
		t.Errorf("stricter: %s", counts)
	}
	if _, counts := syncOnce(t, optionsFor(l, provider)); counts != "complete 1 +0 ~0 -0" {
		t.Errorf("again: %s", counts)
	}
	for row := range snapshotsIn(t, l) {
		if strings.Contains(string(row.Spec), "mArKeR") {
			t.Errorf("the snapshot holds %s", row.Spec)
		}
	}
	for row := range changesIn(t, l) {
		if strings.Contains(string(row.Diff), "mArKeR") || row.Operation != lake.Updated {
			t.Errorf("the change is %s %s", row.Operation, row.Diff)
		}
	}
}

func TestRedactionIsChecked(t *testing.T) {
	key := []byte("0123456789abcdef")
	for _, wrong := range []Redaction{{Paths: []string{"a..b"}}, {Patterns: []string{"("}}} {
		if _, err := wrong.Redactor(key); err == nil {
			t.Errorf("%+v is accepted", wrong)
		}
	}
	if err := errors.Join(CheckRedactionPath("spec.a[*].b"), CheckRedactionPath("data['x']")); err != nil {
		t.Error(err)
	}
	if err := CheckRedactionPath("spec.*.x"); err == nil || !strings.Contains(err.Error(), "character 6") {
		t.Errorf("the place is not told: %v", err)
	}
}
