-- name: coverage
-- description: What each cluster's last sync could read and what not. A type that is not complete here tells nothing about deletions.
SELECT cluster, type, status, listed, finished_at, error
FROM syncs
QUALIFY started_at = max(started_at) OVER (PARTITION BY cluster)
ORDER BY status = 'complete', cluster, type
