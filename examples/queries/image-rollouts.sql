-- name: image-rollouts
-- description: Every change of a container image in a Deployment, StatefulSet, DaemonSet or CronJob: from what to what, when, and by which
--   field manager.
SELECT captured_at, cluster, kind, resource_id, path, old ->> '$' AS old_image, new ->> '$' AS new_image, managers
FROM field_changes
WHERE kind IN ('Deployment', 'StatefulSet', 'DaemonSet', 'CronJob')
    AND regexp_matches(path, '^spec\..*[cC]ontainers\[[^\]]*\]\.image$')
ORDER BY captured_at DESC, cluster, resource_id, path
