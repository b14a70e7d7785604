-- name: unhealthy-pods
-- description: Pods that do not run as they should: not ready, waiting, crashing, pending or failed.
SELECT cluster, namespace, name, status, ready_containers || '/' || containers AS ready, restarts, node, message, updated_at
FROM pods
WHERE status NOT IN ('Running', 'Succeeded', 'Completed') OR (status = 'Running' AND ready_containers < containers)
ORDER BY cluster, namespace, name
