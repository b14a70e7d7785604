package kubernetes

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// largestSchemas is how large the schemas of one API group and version may be, decompressed. Those of the largest groups of custom
// resources are a few megabytes.
const largestSchemas = 16 << 20

// OpenAPI makes the provider a collector.Schemas. Every user who is authenticated may ask for it, as for the discovery.
func (p *provider) OpenAPI(ctx context.Context, group, version string) ([]byte, error) {
	if version == "" || strings.ContainsAny(group+version, "/?#%") {
		return nil, fmt.Errorf("%q, version %q, is no API group", group, version)
	}
	path := "/openapi/v3" + versionPath(group, version)
	brief := *p.client
	brief.retries = min(brief.retries, 1) // nothing depends on it but how lists are compared
	var text []byte
	err := brief.retry(ctx, func() error {
		answer, err := brief.open(ctx, path, nil, acceptJSON)
		if err != nil {
			return err
		}
		defer answer.close()
		text, err = io.ReadAll(io.LimitReader(answer.body, largestSchemas+1))
		if err != nil {
			return fmt.Errorf("read the answer to GET %s: %w", path, err)
		}
		return nil
	})
	if err != nil {
		return nil, p.client.explain(err)
	}
	if len(text) > largestSchemas {
		return nil, fmt.Errorf("the answer to GET %s is larger than %d MiB", path, largestSchemas>>20)
	}
	return text, nil
}
