package s3_test

import (
	"testing"

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
