-- name: scaling
-- description: Who scaled what: every change of spec.replicas, with the field managers of that change.
SELECT captured_at, modified_at, cluster, kind, resource_id, (old ->> '$')::BIGINT AS old_replicas, (new ->> '$')::BIGINT AS new_replicas, managers
FROM field_changes
WHERE path = 'spec.replicas' AND kind IN ('Deployment', 'StatefulSet', 'ReplicationController')
ORDER BY captured_at DESC, cluster, resource_id
