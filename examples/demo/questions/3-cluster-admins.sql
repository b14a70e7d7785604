-- Who may do anything in this cluster, and since when?
SELECT subject ->> '$.kind' AS subject, subject ->> '$.name' AS who, name AS through, created_at AS since
FROM (
  SELECT name, created_at, unnest((fields -> '$.subjects')::JSON[]) AS subject
  FROM snapshots
  WHERE kind = 'ClusterRoleBinding' AND (fields ->> '$.roleRef.name') = 'cluster-admin')
ORDER BY since;
