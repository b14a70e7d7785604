-- What kubectl get pods -o wide shows. status is its STATUS column: the phase, or why a container does not run.
CREATE VIEW pods AS
SELECT
    cluster, provider, namespace, name, status_reason AS status, phase, ready_containers, containers, restarts,
    TRY_CAST(last_terminated_at AS TIMESTAMP WITH TIME ZONE) AS last_terminated_at,
    created_at, pod_ip, host_ip, node, images, service_account, qos_class, priority_class, owner_kind, owner_name, reason, message,
    TRY_CAST(started_at AS TIMESTAMP WITH TIME ZONE) AS started_at,
    labels, annotations, resource_id, uid, latest_version, first_seen_at, updated_at, type,
    object_json(api_group, api_version, kind, metadata, spec, status, fields) AS data
FROM (
    SELECT
        *,
        CASE
            WHEN json_extract_string(metadata, '$.deletionTimestamp') IS NOT NULL THEN CASE reason WHEN 'NodeLost' THEN 'Unknown' ELSE 'Terminating' END
            WHEN init_reason IS NOT NULL THEN 'Init:' || init_reason
            WHEN container_reason = 'Completed' AND running_containers > 0 THEN CASE ready_containers WHEN 0 THEN 'NotReady' ELSE 'Running' END
            ELSE coalesce(container_reason, reason, phase)
        END AS status_reason
    FROM (
        SELECT
            *,
            json_extract_string(status, '$.reason') AS reason,
            json_extract_string(status, '$.message') AS message,
            list_filter(list_transform(json_extract(status, '$.initContainerStatuses[*]'), s -> coalesce(
                CASE WHEN json_extract_string(s, '$.state.waiting.reason') <> 'PodInitializing' THEN json_extract_string(s, '$.state.waiting.reason') END,
                CASE WHEN json_extract_string(s, '$.state.terminated.exitCode') <> '0' THEN coalesce(json_extract_string(s, '$.state.terminated.reason'), 'Error') END
            )), r -> r IS NOT NULL)[1] AS init_reason,
            list_filter(list_transform(json_extract(status, '$.containerStatuses[*]'), s ->
                coalesce(json_extract_string(s, '$.state.waiting.reason'), json_extract_string(s, '$.state.terminated.reason'))
            ), r -> r IS NOT NULL)[1] AS container_reason,
            len(list_filter(json_extract(status, '$.containerStatuses[*]'), s -> json_type(s, '$.state.running') = 'OBJECT')) AS running_containers,
            len(list_filter(json_extract_string(status, '$.containerStatuses[*].ready'), r -> r = 'true')) AS ready_containers,
            len(json_extract(spec, '$.containers[*]')) AS containers,
            coalesce(list_sum(list_transform(json_extract_string(status, '$.containerStatuses[*].restartCount'), r -> TRY_CAST(r AS BIGINT))), 0)::BIGINT AS restarts,
            list_max(json_extract_string(status, '$.containerStatuses[*].lastState.terminated.finishedAt')) AS last_terminated_at,
            json_extract_string(status, '$.podIP') AS pod_ip,
            json_extract_string(status, '$.hostIP') AS host_ip,
            json_extract_string(spec, '$.nodeName') AS node,
            json_extract_string(spec, '$.containers[*].image') AS images,
            json_extract_string(spec, '$.serviceAccountName') AS service_account,
            json_extract_string(status, '$.qosClass') AS qos_class,
            json_extract_string(spec, '$.priorityClassName') AS priority_class,
            json_extract_string(status, '$.startTime') AS started_at
        FROM lake.snapshots
        WHERE deleted_at IS NULL AND type = 'core.v1.Pod'
    )
)
