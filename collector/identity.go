package collector

import (
	"context"
	"errors"
	"fmt"
)

// ErrIdentity is what a refused sync wraps: the cluster is not the one that the lake knows under the id, or is known under another. Nothing was
// written.
var ErrIdentity = errors.New("this is another cluster")

// identify refuses a cluster that is not who the lake or the configuration says. A cluster that does not tell who it is may be any.
func (s *clusterSync) identify(ctx context.Context, known bool) error {
	identity := s.discovery.Identity
	if identity == "" || s.Identity == AnyIdentity {
		return nil
	}
	if s.Identity != "" {
		if s.Identity != identity {
			return fmt.Errorf("%w: the provider block says identity = %q, and this cluster's is %q: the credentials lead elsewhere", ErrIdentity,
				s.Identity, identity)
		}
		return nil
	}
	if known {
		if s.cluster.Identity != "" && s.cluster.Identity != identity {
			return fmt.Errorf("%w than the lake knows as %s (%s; this one is %s): give it an id of its own, or, if it is to go on as %s, set identity = %q",
				ErrIdentity, s.Cluster, s.cluster.Identity, identity, s.Cluster, identity)
		}
		return nil
	}
	other, err := s.Lake.ClusterOf(ctx, identity, s.Cluster)
	if err != nil {
		return err
	}
	if other != "" {
		return fmt.Errorf("%w: the lake knows it as %s already: collect it under that id, or, if it is to begin anew as %s, set identity = %q",
			ErrIdentity, other, s.Cluster, identity)
	}
	return nil
}
