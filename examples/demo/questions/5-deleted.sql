-- What was deleted on Friday, and what did it look like on Thursday evening?
SELECT gone.kind, gone.resource_id, before.spec ->> '$.replicas' AS replicas,
       before.spec ->> '$.template.spec.containers[0].image' AS image,
       before.spec ->> '$.clusterIP' AS cluster_ip
FROM deleted_resources AS gone
JOIN snapshots_at('2026-11-05 18:00') AS before USING (cluster, type, resource_id)
WHERE gone.deleted_at::DATE = DATE '2026-11-06' AND gone.kind NOT IN ('Pod', 'ReplicaSet')
ORDER BY gone.kind;
