-- name: recent-changes
-- description: What was created, updated and deleted in the last 24 hours, the newest first.
SELECT captured_at, cluster, operation, type, resource_id, managers, paths
FROM changes
WHERE captured_at > now() - INTERVAL '24 hours'
ORDER BY captured_at DESC, cluster, type, resource_id
