-- name: busiest
-- description: Which objects changed most often, and in which part: what a status changes by itself, and what somebody changes in a spec.
SELECT cluster, type, resource_id, count(DISTINCT to_version) AS changes,
    count(*) FILTER (class = 'spec') AS spec_paths, count(*) FILTER (class = 'status') AS status_paths,
    count(*) FILTER (class = 'metadata') AS metadata_paths, max(captured_at) AS last_change
FROM field_changes
GROUP BY ALL
ORDER BY changes DESC, cluster, type, resource_id
LIMIT 20
