-- What kubectl get nodes -o wide shows, with capacity in cores and bytes.
CREATE VIEW nodes AS
SELECT
    cluster, provider, name,
    CASE coalesce(list_filter(json_extract(status, '$.conditions[*]'), c -> json_extract_string(c, '$.type') = 'Ready')[1] ->> '$.status', '')
        WHEN 'True' THEN 'Ready' WHEN '' THEN 'Unknown' ELSE 'NotReady' END
        || CASE json_extract_string(spec, '$.unschedulable') WHEN 'true' THEN ',SchedulingDisabled' ELSE '' END AS status,
    list_sort(list_distinct(list_concat(
        list_transform(list_filter(map_keys(labels), k -> starts_with(k, 'node-role.kubernetes.io/') AND length(k) > 24), k -> substr(k, 25)),
        CASE WHEN labels['kubernetes.io/role'] <> '' THEN [labels['kubernetes.io/role']] ELSE [] END))) AS roles,
    created_at,
    json_extract_string(status, '$.nodeInfo.kubeletVersion') AS version,
    list_filter(json_extract(status, '$.addresses[*]'), a -> json_extract_string(a, '$.type') = 'InternalIP')[1] ->> '$.address' AS internal_ip,
    list_filter(json_extract(status, '$.addresses[*]'), a -> json_extract_string(a, '$.type') = 'ExternalIP')[1] ->> '$.address' AS external_ip,
    json_extract_string(status, '$.nodeInfo.osImage') AS os_image,
    json_extract_string(status, '$.nodeInfo.kernelVersion') AS kernel_version,
    json_extract_string(status, '$.nodeInfo.containerRuntimeVersion') AS container_runtime,
    json_extract_string(status, '$.nodeInfo.architecture') AS architecture,
    quantity(json_extract_string(status, '$.capacity.cpu')) AS cpu_capacity,
    quantity(json_extract_string(status, '$.capacity.memory')) AS memory_capacity,
    TRY_CAST(json_extract_string(status, '$.capacity.pods') AS BIGINT) AS pod_capacity,
    quantity(json_extract_string(status, '$.allocatable.cpu')) AS cpu_allocatable,
    quantity(json_extract_string(status, '$.allocatable.memory')) AS memory_allocatable,
    coalesce(json_extract_string(spec, '$.unschedulable') = 'true', false) AS unschedulable,
    json_extract(spec, '$.taints')::JSON AS taints,
    json_extract_string(spec, '$.providerID') AS provider_id,
    labels['topology.kubernetes.io/region'] AS region,
    labels['topology.kubernetes.io/zone'] AS zone,
    labels['node.kubernetes.io/instance-type'] AS instance_type,
    labels, annotations, uid, latest_version, first_seen_at, updated_at, type,
    object_json(api_group, api_version, kind, metadata, spec, status, fields) AS data
FROM lake.snapshots
WHERE deleted_at IS NULL AND (unobserved_reason IS NULL OR unobserved_reason = 'out of scope') AND type = 'core.v1.Node'
