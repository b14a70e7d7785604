-- name: secret-rotations
-- description: Which Secrets' entries were added, replaced or removed. The lake holds keyed hashes only, which tell that a value changed and not to what.
SELECT captured_at, cluster, resource_id, action, path, managers
FROM field_changes
WHERE type = 'core.v1.Secret' AND class = 'data'
ORDER BY captured_at DESC, cluster, resource_id, path
