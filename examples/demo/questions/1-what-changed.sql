-- What changed this week, and when?
SELECT strftime(captured_at, '%a %d') AS day, kind, resource_id, operation,
       added + updated + removed AS fields
FROM changes
WHERE kind NOT IN ('Pod', 'ReplicaSet') -- they follow their Deployments
ORDER BY captured_at, kind, resource_id;
