-- Who may do anything in this cluster, and since when?
SELECT subject ->> '$.kind' AS subject, subject ->> '$.name' AS who, binding, since
FROM (
  SELECT name AS binding, created_at AS since, unnest((fields -> '$.subjects')::JSON[]) AS subject
  FROM snapshots
  WHERE kind = 'ClusterRoleBinding' AND (fields ->> '$.roleRef.name') = 'cluster-admin')
ORDER BY since;
