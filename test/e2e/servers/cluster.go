package servers

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

// Options say what cluster to start.
type Options struct {
	Name string // also its prefix in etcd
	Dir  string // where its logs, certificates and kubeconfigs go
	// Controllers starts kube-controller-manager too, so that Deployments become ReplicaSets and Pods.
	Controllers bool
	// Users are further users: name → token. They may nothing but what RBAC grants them.
	Users map[string]string
}

// Cluster is a running kube-apiserver over an etcd, maybe with a kube-controller-manager.
type Cluster struct {
	Name   string
	URL    string // https://127.0.0.1:port
	Token  string // the administrator's
	Prefix string // of its keys in etcd
	Dir    string
	CAFile string
	Client *http.Client // trusts the cluster's CA; sends no credentials by itself

	ca                    *authority
	apiserver, controller *Process
}

// StartCluster starts a cluster and waits until it is ready: with controllers, until the default namespace has its ServiceAccount.
func StartCluster(ctx context.Context, binaries Binaries, etcd *Etcd, options Options) (*Cluster, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	ca, err := newAuthority("k8sq-e2e-" + options.Name)
	if err != nil {
		return nil, err
	}
	cluster := &Cluster{
		Name: options.Name, URL: fmt.Sprintf("https://127.0.0.1:%d", ports[0]), Token: randomToken(),
		Prefix: "/" + options.Name, Dir: options.Dir, CAFile: filepath.Join(options.Dir, "ca.crt"), ca: ca,
	}
	if err := cluster.writeCredentials(options.Users); err != nil {
		return nil, fmt.Errorf("start cluster %s: %w", options.Name, err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.certificate)
	cluster.Client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, DisableCompression: true,
	}}

	file := func(name string) string { return filepath.Join(options.Dir, name) }
	cluster.apiserver, err = start(options.Dir, "kube-apiserver", binaries.APIServer, []string{
		"--etcd-servers=" + etcd.URL, "--etcd-prefix=" + cluster.Prefix,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", ports[0]),
		"--tls-cert-file=" + file("server.crt"), "--tls-private-key-file=" + file("server.key"),
		"--client-ca-file=" + cluster.CAFile, "--token-auth-file=" + file("tokens.csv"), "--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-signing-key-file=" + file("sa.key"), "--service-account-key-file=" + file("sa.pub"),
		"--service-cluster-ip-range=10.0.0.0/16", "--endpoint-reconciler-type=none", "--allow-privileged",
	}, nil)
	if err != nil {
		return nil, err
	}
	err = cluster.apiserver.waitReady(ctx, func(ctx context.Context) error {
		return getOK(ctx, cluster.Client, cluster.URL+"/readyz", cluster.Token)
	})
	if err == nil && options.Controllers {
		err = cluster.startControllers(ctx, binaries, ports[1])
	}
	if err != nil {
		cluster.Stop()
		return nil, fmt.Errorf("start cluster %s: %w", options.Name, err)
	}
	return cluster, nil
}

func (c *Cluster) startControllers(ctx context.Context, binaries Binaries, port int) error {
	kubeconfig, err := c.TokenKubeconfig("controllers", c.Token)
	if err != nil {
		return err
	}
	c.controller, err = start(c.Dir, "kube-controller-manager", binaries.ControllerManager, []string{
		"--kubeconfig=" + kubeconfig, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port), "--cert-dir=" + c.Dir,
		"--leader-elect=false", "--use-service-account-credentials=false",
		"--service-account-private-key-file=" + filepath.Join(c.Dir, "sa.key"), "--root-ca-file=" + c.CAFile,
		"--controllers=*,-node-ipam-controller,-bootstrap-signer-controller,-token-cleaner-controller",
	}, nil)
	if err != nil {
		return err
	}
	return c.controller.waitReady(ctx, func(ctx context.Context) error {
		return getOK(ctx, c.Client, c.URL+"/api/v1/namespaces/default/serviceaccounts/default", c.Token)
	})
}

// writeCredentials writes the files that the servers read: certificates, service account keys, static tokens.
func (c *Cluster) writeCredentials(users map[string]string) error {
	certificate, key, err := c.ca.sign(pkix.Name{CommonName: "kube-apiserver"})
	if err != nil {
		return err
	}
	private, public, err := keyPair()
	if err != nil {
		return err
	}
	tokens := c.Token + ",admin,admin,system:masters\n"
	for name, token := range users {
		tokens += token + "," + name + "," + name + "\n"
	}
	err = os.MkdirAll(c.Dir, 0o755)
	for name, content := range map[string][]byte{
		"ca.crt": c.ca.pem, "server.crt": certificate, "server.key": key, "sa.key": private, "sa.pub": public, "tokens.csv": []byte(tokens),
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(c.Dir, name), content, 0o600))
	}
	return err
}

// Stop ends the cluster's processes.
func (c *Cluster) Stop() {
	c.controller.Stop()
	c.apiserver.Stop()
}

// Processes are the cluster's servers, for their logs.
func (c *Cluster) Processes() []*Process {
	if c.controller == nil {
		return []*Process{c.apiserver}
	}
	return []*Process{c.apiserver, c.controller}
}

func randomToken() string {
	var bytes [16]byte
	_, _ = rand.Read(bytes[:]) // crypto/rand.Read never fails.
	return hex.EncodeToString(bytes[:])
}
