package s3_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/k8sq/k8sq/lake/store"
	"github.com/k8sq/k8sq/lake/store/s3"
	"github.com/k8sq/k8sq/lake/store/storetest"
)

// open gives the store for a prefix of a new bucket.
func open(t *testing.T, bucket *storetest.Bucket, c s3.Config) *s3.Store {
	t.Helper()
	bucket.Setenv(t)
	if c.URL == "" {
		c.URL = bucket.URL("k8s/lake")
	}
	s, err := s3.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	storetest.S3(t) // held open, so that all the suite's tests share one server
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, storetest.S3(t), s3.Config{}) })
}

func TestPrefixesKeepLakesApart(t *testing.T) {
	bucket := storetest.S3(t)
	a, b, whole := open(t, bucket, s3.Config{URL: bucket.URL("lake")}), open(t, bucket, s3.Config{URL: bucket.URL("lake2/")}), open(t, bucket, s3.Config{URL: bucket.URL("")})
	for _, s := range []*s3.Store{a, b} {
		if _, err := put(t.Context(), s, "k", s.String(), store.Condition{IfAbsent: true}); err != nil {
			t.Fatal(err)
		}
		if content, _, err := get(t, s, "k"); err != nil || content != s.String() {
			t.Errorf("got %q, %v", content, err)
		}
	}
	if content, _, err := get(t, whole, "lake2/k"); err != nil || content != "s3://"+bucket.Name+"/lake2" {
		t.Errorf("got %q, %v", content, err)
	}
	for s, want := range map[*s3.Store]string{a: "k", b: "k", whole: "lake/k lake2/k"} {
		var found []string
		for info, err := range s.List(t.Context(), "", "") {
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, info.Key)
		}
		if got := strings.Join(found, " "); got != want {
			t.Errorf("%s lists %q, want %q", s, got, want)
		}
	}
	if whole.String() != "s3://"+bucket.Name {
		t.Errorf("the whole bucket is %s", whole)
	}
}

// everyOperation runs each of them once and gives their errors.
func everyOperation(t *testing.T, s *s3.Store) map[string]error {
	_, _, getErr := s.Get(t.Context(), "k")
	_, _, rangeErr := s.GetRange(t.Context(), "k", -8, 8)
	_, putErr := put(t.Context(), s, "k", "x", store.Condition{IfAbsent: true})
	var listErr error
	for _, err := range s.List(t.Context(), "", "") {
		listErr = err
	}
	return map[string]error{"get": getErr, "get-range": rangeErr, "put": putErr, "list": listErr, "delete": s.Delete(t.Context(), "k", "")}
}

func TestWrongBucket(t *testing.T) {
	bucket := storetest.S3(t)
	s := open(t, bucket, s3.Config{URL: "s3://no-such-bucket/lake"})
	for what, err := range everyOperation(t, s) {
		if !errors.Is(err, store.ErrNoRoot) || !strings.Contains(err.Error(), `"no-such-bucket"`) || !strings.Contains(err.Error(), bucket.Endpoint) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestWrongCredentials(t *testing.T) {
	bucket := storetest.S3(t)
	for name, test := range map[string]struct{ access, secret, hint string }{
		"unknown key":  {"nobody-here", bucket.SecretKey, "AWS_ACCESS_KEY_ID"},
		"wrong secret": {bucket.AccessKey, "not-the-secret", "AWS_SECRET_ACCESS_KEY"},
	} {
		wrong := *bucket
		wrong.AccessKey, wrong.SecretKey = test.access, test.secret
		for what, err := range everyOperation(t, open(t, &wrong, s3.Config{})) {
			if !errors.Is(err, store.ErrForbidden) || !strings.Contains(err.Error(), test.hint) || strings.Contains(err.Error(), test.secret) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
	}
}

func TestReadOnlyUser(t *testing.T) {
	bucket := storetest.S3(t)
	owner := open(t, bucket, s3.Config{})
	if _, err := put(t.Context(), owner, "k", "content", store.Condition{}); err != nil {
		t.Fatal(err)
	}
	bucket.CreateUser(t, "reader-"+bucket.Name, "reader-secret")
	policy := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":["reader-` + bucket.Name + `"]},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::` + bucket.Name + `/*"]},
		{"Effect":"Allow","Principal":{"AWS":["reader-` + bucket.Name + `"]},"Action":["s3:ListBucket"],"Resource":["arn:aws:s3:::` + bucket.Name + `"]}]}`
	if _, err := owner.Client().PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &bucket.Name, Policy: aws.String(policy)}); err != nil {
		t.Fatal(err)
	}
	limited := *bucket
	limited.AccessKey, limited.SecretKey = "reader-"+bucket.Name, "reader-secret"
	for what, err := range everyOperation(t, open(t, &limited, s3.Config{})) {
		switch what {
		case "put", "delete":
			if !errors.Is(err, store.ErrForbidden) || !strings.Contains(err.Error(), "s3:PutObject") {
				t.Errorf("%s: %v", what, err)
			}
		default:
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	if content, _, err := get(t, owner, "k"); err != nil || content != "content" {
		t.Errorf("the object is now %q, %v", content, err)
	}
}

func TestNobodyListens(t *testing.T) {
	bucket := storetest.S3(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := "http://" + listener.Addr().String()
	listener.Close()
	for what, err := range everyOperation(t, open(t, bucket, s3.Config{Endpoint: endpoint}).RetryFast()) {
		if err == nil || !strings.Contains(err.Error(), "connection refused") || !strings.Contains(err.Error(), endpoint) || errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestOpen(t *testing.T) {
	empty := &storetest.Bucket{Name: "b"}
	files := t.TempDir()
	shared := filepath.Join(files, "config")
	if err := os.WriteFile(shared, []byte("[profile lake]\nregion = eu-west-3\naws_access_key_id = a\naws_secret_access_key = s\nendpoint_url = http://127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		env    map[string]string
		config s3.Config
		want   string // in the error; "" for none
	}{
		{"not s3", nil, s3.Config{URL: "https://b/p"}, "s3://"},
		{"no bucket", nil, s3.Config{URL: "s3:///p"}, "no bucket"},
		{"odd prefix", nil, s3.Config{URL: "s3://b/a//b"}, "segment"},
		{"leaves the prefix", nil, s3.Config{URL: "s3://b/../c"}, "segment"},
		{"credentials in the URL", nil, s3.Config{URL: "s3://key:hush-hush@b/p"}, "credentials"},
		{"no region", map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}, s3.Config{URL: "s3://b"}, "AWS_REGION"},
		{"no credentials", nil, s3.Config{URL: "s3://b", Region: "eu-central-1"}, "AWS_ACCESS_KEY_ID"},
		{"no such profile", nil, s3.Config{URL: "s3://b", Region: "eu-central-1", Profile: "nowhere"}, `"nowhere"`},
		{"region", map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}, s3.Config{URL: "s3://b", Region: "eu-central-1"}, ""},
		{"an endpoint needs no region", map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}, s3.Config{URL: "s3://b", Endpoint: "http://127.0.0.1:1"}, ""},
		{"nor does one from the environment", map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, s3.Config{URL: "s3://b"}, ""},
		{"profile", map[string]string{"AWS_CONFIG_FILE": shared}, s3.Config{URL: "s3://b", Profile: "lake"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			empty.Setenv(t)
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			s, err := s3.Open(t.Context(), test.config)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("the error tells the secret: %v", err)
			}
			if err == nil {
				o := s.Client().Options()
				if local := o.BaseEndpoint != nil; o.UsePathStyle != local || o.Region == "" {
					t.Errorf("endpoint %q, region %q, path style %v", aws.ToString(o.BaseEndpoint), o.Region, o.UsePathStyle)
				}
			}
		})
	}
	no := false
	empty.AccessKey, empty.SecretKey = "a", "s"
	if s := open(t, empty, s3.Config{URL: "s3://b", Endpoint: "http://127.0.0.1:1", PathStyle: &no}); s.Client().Options().UsePathStyle {
		t.Error("the path style that was asked for is not taken")
	}
}
