-- What kubectl get deployments -o wide shows. replicas is what the spec asks for (1 where it says nothing), the others what the status reports.
CREATE VIEW deployments AS
SELECT
    cluster, provider, namespace, name,
    CASE WHEN json_extract(spec, '$.replicas') IS NULL THEN 1 ELSE TRY_CAST(json_extract_string(spec, '$.replicas') AS BIGINT) END AS replicas,
    coalesce(TRY_CAST(json_extract_string(status, '$.readyReplicas') AS BIGINT), 0) AS ready_replicas,
    coalesce(TRY_CAST(json_extract_string(status, '$.updatedReplicas') AS BIGINT), 0) AS updated_replicas,
    coalesce(TRY_CAST(json_extract_string(status, '$.availableReplicas') AS BIGINT), 0) AS available_replicas,
    coalesce(TRY_CAST(json_extract_string(status, '$.unavailableReplicas') AS BIGINT), 0) AS unavailable_replicas,
    created_at,
    json_extract_string(spec, '$.template.spec.containers[*].name') AS containers,
    json_extract_string(spec, '$.template.spec.containers[*].image') AS images,
    json_extract(spec, '$.selector')::JSON AS selector,
    json_extract_string(spec, '$.strategy.type') AS strategy,
    coalesce(json_extract_string(spec, '$.paused') = 'true', false) AS paused,
    json_extract_string(spec, '$.template.spec.serviceAccountName') AS service_account,
    TRY_CAST(annotations['deployment.kubernetes.io/revision'] AS BIGINT) AS revision,
    TRY_CAST(json_extract_string(metadata, '$.generation') AS BIGINT) AS spec_generation,
    TRY_CAST(json_extract_string(status, '$.observedGeneration') AS BIGINT) AS observed_generation,
    labels, annotations, resource_id, uid, latest_version, first_seen_at, updated_at, type,
    object_json(api_group, api_version, kind, metadata, spec, status, fields) AS data
FROM lake.snapshots
WHERE deleted_at IS NULL AND (unobserved_reason IS NULL OR unobserved_reason = 'out of scope') AND type IN ('apps.v1.Deployment', 'apps.v1beta2.Deployment', 'apps.v1beta1.Deployment', 'extensions.v1beta1.Deployment')
