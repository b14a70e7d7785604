package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"sigs.k8s.io/yaml"
)

// StatusError is an answer of the API server that is not a success.
type StatusError struct {
	Method, Path string
	Code         int // HTTP's
	Body         string
}

// Error names the request and gives the answer.
func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Code, e.Body)
}

// As gives the same cluster as seen by the owner of a token.
func (c *Cluster) As(token string) *Cluster {
	other := *c
	other.Token = token
	return &other
}

// Do sends a request with the cluster's token and gives the answer's body. contentType is that of body, which may be nil.
func (c *Cluster) Do(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, &StatusError{Method: method, Path: path, Code: response.StatusCode, Body: string(content)}
	}
	return content, nil
}

// Apply creates or changes the objects of a YAML stream by server-side apply.
func (c *Cluster) Apply(ctx context.Context, manifests string) error {
	for document := range strings.SplitSeq("\n"+manifests, "\n---") {
		if strings.TrimSpace(document) == "" {
			continue
		}
		path, err := objectPath([]byte(document))
		if err != nil {
			return err
		}
		if _, err := c.Do(ctx, http.MethodPatch, path+"?fieldManager=e2e&force=true", "application/apply-patch+yaml", []byte(document)); err != nil {
			return err
		}
	}
	return nil
}

// objectPath gives the path of the API that an object stands at. It knows how the kinds of the tests are put into the plural.
func objectPath(manifest []byte) (string, error) {
	var object struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct{ Namespace, Name string }
	}
	if err := yaml.Unmarshal(manifest, &object); err != nil {
		return "", fmt.Errorf("read a manifest: %w", err)
	}
	if object.APIVersion == "" || object.Kind == "" || object.Metadata.Name == "" {
		return "", errors.New("read a manifest: it has no apiVersion, kind or name")
	}
	path := "/apis/" + object.APIVersion
	if !strings.Contains(object.APIVersion, "/") {
		path = "/api/" + object.APIVersion
	}
	if object.Metadata.Namespace != "" {
		path += "/namespaces/" + object.Metadata.Namespace
	}
	plural := strings.ToLower(object.Kind) + "s"
	if strings.HasSuffix(plural, "ys") {
		plural = strings.TrimSuffix(plural, "ys") + "ies"
	}
	return path + "/" + plural + "/" + object.Metadata.Name, nil
}
