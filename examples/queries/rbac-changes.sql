-- name: rbac-changes
-- description: Roles and bindings that were created, changed or deleted: who may do more, or less, than before.
SELECT captured_at, cluster, operation, kind, resource_id, paths, diff
FROM changes
WHERE type LIKE 'rbac.authorization.k8s.io.%'
ORDER BY captured_at DESC, cluster, type, resource_id
