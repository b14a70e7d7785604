package servers

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

// S3 is a running versitygw, whose buckets are folders of Data.
type S3 struct {
	*Process
	URL       string // http://127.0.0.1:port
	Data      string // an object's file is Data/bucket/key
	AccessKey string
	SecretKey string
}

// StartS3 starts versitygw with its data under dir and waits until it answers.
func StartS3(ctx context.Context, binaries Binaries, dir string) (*S3, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("start versitygw: %w", err)
	}
	s3 := &S3{
		URL: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), Data: filepath.Join(dir, "data"),
		AccessKey: "e2e", SecretKey: randomToken(),
	}
	iam := filepath.Join(dir, "iam")
	for _, folder := range []string{s3.Data, iam} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, fmt.Errorf("start versitygw: %w", err)
		}
	}
	s3.Process, err = start(dir, "versitygw", binaries.VersityGW, []string{
		"--port", fmt.Sprintf("127.0.0.1:%d", ports[0]), "--iam-dir", iam, "--keep-alive", "--health", "/health", "posix", s3.Data,
	}, []string{"ROOT_ACCESS_KEY=" + s3.AccessKey, "ROOT_SECRET_KEY=" + s3.SecretKey})
	if err != nil {
		return nil, err
	}
	if err := s3.waitReady(ctx, func(ctx context.Context) error { return getOK(ctx, http.DefaultClient, s3.URL+"/health", "") }); err != nil {
		s3.Stop()
		return nil, err
	}
	return s3, nil
}

// MakeBucket makes a bucket: for versitygw, a folder of its data.
func (s *S3) MakeBucket(name string) error {
	if err := os.Mkdir(filepath.Join(s.Data, name), 0o755); err != nil {
		return fmt.Errorf("make bucket %s: %w", name, err)
	}
	return nil
}
