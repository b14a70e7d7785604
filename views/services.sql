-- What kubectl get services -o wide shows. ports are spelled as there: 80:31234/TCP, with the node port where there is one.
CREATE VIEW services AS
SELECT
    cluster, provider, namespace, name,
    coalesce(json_extract_string(spec, '$.type'), 'ClusterIP') AS service_type,
    json_extract_string(spec, '$.clusterIP') AS cluster_ip,
    list_distinct(list_concat(
        coalesce(json_extract_string(status, '$.loadBalancer.ingress[*].ip'), []),
        list_concat(
            coalesce(json_extract_string(status, '$.loadBalancer.ingress[*].hostname'), []),
            coalesce(json_extract_string(spec, '$.externalIPs[*]'), [])))) AS external_ips,
    json_extract_string(spec, '$.externalName') AS external_name,
    list_transform(json_extract(spec, '$.ports[*]'), p ->
        coalesce(json_extract_string(p, '$.port'), '?')
        || CASE WHEN coalesce(json_extract_string(p, '$.nodePort'), '0') <> '0' THEN ':' || json_extract_string(p, '$.nodePort') ELSE '' END
        || '/' || coalesce(json_extract_string(p, '$.protocol'), 'TCP')) AS ports,
    created_at,
    json_extract(spec, '$.selector')::JSON AS selector,
    json_extract_string(spec, '$.sessionAffinity') AS session_affinity,
    json_extract_string(spec, '$.externalTrafficPolicy') AS external_traffic_policy,
    labels, annotations, resource_id, uid, latest_version, first_seen_at, updated_at, type,
    object_json(api_group, api_version, kind, metadata, spec, status, fields) AS data
FROM lake.snapshots
WHERE deleted_at IS NULL AND (unobserved_reason IS NULL OR unobserved_reason = 'out of scope') AND type = 'core.v1.Service'
