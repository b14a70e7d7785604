-- name: deletions
-- description: What was deleted, when that was seen, and the last version there is of it.
SELECT captured_at, cluster, type, resource_id, uid, from_version AS last_version
FROM changes
WHERE operation = 'deleted'
ORDER BY captured_at DESC, cluster, type, resource_id
