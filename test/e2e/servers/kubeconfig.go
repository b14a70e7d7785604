package servers

import (
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
)

// TokenKubeconfig writes a kubeconfig with a bearer token and gives its path. name is the user's and the file's.
func (c *Cluster) TokenKubeconfig(name, token string) (string, error) {
	return c.writeKubeconfig(name, "token: "+token)
}

// CertificateKubeconfig writes a kubeconfig with a client certificate for a member of the given group and gives its path.
func (c *Cluster) CertificateKubeconfig(name, group string) (string, error) {
	certificate, key, err := c.ca.sign(pkix.Name{CommonName: name, Organization: []string{group}})
	if err != nil {
		return "", err
	}
	encode := base64.StdEncoding.EncodeToString
	return c.writeKubeconfig(name, fmt.Sprintf("client-certificate-data: %s\n    client-key-data: %s", encode(certificate), encode(key)))
}

// ExecKubeconfig writes a kubeconfig whose token comes from an exec plug-in, as the clouds' command lines do it, and gives its path.
func (c *Cluster) ExecKubeconfig(name, token string) (string, error) {
	plugin := filepath.Join(c.Dir, name+"-credentials")
	script := fmt.Sprintf("#!/bin/sh\necho '"+
		`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}`+"'\n", token)
	if err := os.WriteFile(plugin, []byte(script), 0o700); err != nil {
		return "", fmt.Errorf("write an exec plug-in: %w", err)
	}
	return c.writeKubeconfig(name, "exec:\n      apiVersion: client.authentication.k8s.io/v1\n      interactiveMode: Never\n      command: "+plugin)
}

// writeKubeconfig writes a kubeconfig whose user has the given credentials (YAML, indented by four spaces).
func (c *Cluster) writeKubeconfig(name, credentials string) (string, error) {
	path := filepath.Join(c.Dir, name+".kubeconfig")
	content := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: %[1]s
contexts:
- name: %[1]s
  context: {cluster: %[1]s, user: %[2]s}
clusters:
- name: %[1]s
  cluster:
    server: %[3]s
    certificate-authority-data: %[4]s
users:
- name: %[2]s
  user:
    %[5]s
`, c.Name, name, c.URL, base64.StdEncoding.EncodeToString(c.ca.pem), credentials)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return "", fmt.Errorf("write kubeconfig %s: %w", name, err)
	}
	return path, nil
}
