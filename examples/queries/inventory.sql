-- name: inventory
-- description: How many objects of each type each cluster has.
SELECT cluster, type, count(*) AS objects, count(DISTINCT namespace) AS namespaces, max(updated_at) AS last_change
FROM snapshots
GROUP BY ALL
ORDER BY cluster, objects DESC, type
