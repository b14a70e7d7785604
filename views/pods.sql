-- What kubectl get pods -o wide shows, by its own rules (printPod in kubernetes/pkg/printers). status is its STATUS column: the phase, or why a
-- container does not run. Of the init containers only the sidecars (restartPolicy Always) count as containers.
CREATE VIEW pods AS
SELECT
    cluster, provider, namespace, name,
    CASE
        WHEN deleting AND reason = 'NodeLost' THEN 'Unknown'
        WHEN deleting AND coalesce(phase, '') NOT IN ('Succeeded', 'Failed') THEN 'Terminating'
        WHEN init_reason IS NOT NULL AND (container_reason IS NULL OR NOT len(list_filter(conditions, c -> json_extract_string(c, '$.type') = 'Initialized' AND json_extract_string(c, '$.status') = 'True')) > 0)
            THEN 'Init:' || init_reason
        WHEN container_reason = 'Completed' AND ready_and_running > 0 THEN CASE
            WHEN len(list_filter(conditions, c -> json_extract_string(c, '$.type') = 'Ready' AND json_extract_string(c, '$.status') = 'True')) > 0 THEN 'Running' ELSE 'NotReady' END
        WHEN container_reason IS NULL AND phase = 'Pending'
            AND len(list_filter(conditions, c -> json_extract_string(c, '$.type') = 'PodScheduled' AND json_extract_string(c, '$.reason') = 'SchedulingGated')) > 0 THEN 'SchedulingGated'
        ELSE coalesce(container_reason, reason, phase)
    END AS status,
    phase, ready_and_running + ready_sidecars AS ready_containers, containers,
    CASE
        WHEN init_reason IS NOT NULL AND NOT len(list_filter(conditions, c -> json_extract_string(c, '$.type') = 'Initialized' AND json_extract_string(c, '$.status') = 'True')) > 0
        THEN init_restarts ELSE sidecar_restarts + container_restarts END AS restarts,
    TRY_CAST(last_terminated_at AS TIMESTAMP WITH TIME ZONE) AS last_terminated_at,
    created_at, pod_ip, host_ip, node, images, service_account, qos_class, priority_class, owner_kind, owner_name, reason, message,
    TRY_CAST(started_at AS TIMESTAMP WITH TIME ZONE) AS started_at,
    labels, annotations, resource_id, uid, latest_version, first_seen_at, updated_at, type,
    object_json(api_group, api_version, kind, metadata, spec, status, fields) AS data
FROM (
    SELECT
        *,
        list_filter(list_transform(init_statuses, (s, i) -> CASE
            WHEN json_extract_string(s, '$.state.terminated.exitCode') = '0' THEN NULL
            WHEN list_contains(sidecars, json_extract_string(s, '$.name')) AND json_extract_string(s, '$.started') = 'true' THEN NULL
            WHEN json_type(s, '$.state.terminated') = 'OBJECT' THEN coalesce(nullif(json_extract_string(s, '$.state.terminated.reason'), ''),
                'Signal:' || nullif(json_extract_string(s, '$.state.terminated.signal'), '0'),
                'ExitCode:' || coalesce(json_extract_string(s, '$.state.terminated.exitCode'), '0'))
            WHEN nullif(json_extract_string(s, '$.state.waiting.reason'), '') <> 'PodInitializing' THEN json_extract_string(s, '$.state.waiting.reason')
            ELSE (i - 1) || '/' || init_containers
        END), r -> r IS NOT NULL)[1] AS init_reason,
        list_filter(list_transform(statuses, s -> coalesce(
            nullif(json_extract_string(s, '$.state.waiting.reason'), ''),
            nullif(json_extract_string(s, '$.state.terminated.reason'), ''),
            'Signal:' || nullif(json_extract_string(s, '$.state.terminated.signal'), '0'),
            'ExitCode:' || json_extract_string(s, '$.state.terminated.exitCode')
        )), r -> r IS NOT NULL)[1] AS container_reason,
        len(list_filter(statuses, s -> json_extract_string(s, '$.ready') = 'true' AND json_type(s, '$.state.running') = 'OBJECT')) AS ready_and_running,
        len(list_filter(init_statuses, s -> json_extract_string(s, '$.ready') = 'true' AND json_extract_string(s, '$.started') = 'true'
            AND list_contains(sidecars, json_extract_string(s, '$.name')))) AS ready_sidecars,
        regular_containers + len(sidecars) AS containers,
        TRY_CAST(coalesce(list_sum(list_transform(statuses, s -> TRY_CAST(json_extract_string(s, '$.restartCount') AS INTEGER))), 0) AS BIGINT) AS container_restarts,
        TRY_CAST(coalesce(list_sum(list_transform(init_statuses, s -> TRY_CAST(json_extract_string(s, '$.restartCount') AS INTEGER))), 0) AS BIGINT) AS init_restarts,
        TRY_CAST(coalesce(list_sum(list_transform(
            list_filter(init_statuses, s -> list_contains(sidecars, json_extract_string(s, '$.name'))),
            s -> TRY_CAST(json_extract_string(s, '$.restartCount') AS INTEGER))), 0) AS BIGINT) AS sidecar_restarts,
        list_max(list_transform(statuses, s -> json_extract_string(s, '$.lastState.terminated.finishedAt'))) AS last_terminated_at
    FROM (
        SELECT
            *,
            json_extract_string(metadata, '$.deletionTimestamp') IS NOT NULL AS deleting,
            json_extract_string(status, '$.reason') AS reason,
            json_extract_string(status, '$.message') AS message,
            coalesce(json_extract(status, '$.conditions[*]'), []) AS conditions,
            coalesce(json_extract(status, '$.initContainerStatuses[*]'), []) AS init_statuses,
            coalesce(json_extract(status, '$.containerStatuses[*]'), []) AS statuses,
            coalesce(list_transform(list_filter(json_extract(spec, '$.initContainers[*]'), c -> json_extract_string(c, '$.restartPolicy') = 'Always'),
                c -> json_extract_string(c, '$.name')), []) AS sidecars,
            coalesce(len(json_extract(spec, '$.initContainers[*]')), 0) AS init_containers,
            coalesce(len(json_extract(spec, '$.containers[*]')), 0) AS regular_containers,
            json_extract_string(status, '$.podIP') AS pod_ip,
            json_extract_string(status, '$.hostIP') AS host_ip,
            json_extract_string(spec, '$.nodeName') AS node,
            json_extract_string(spec, '$.containers[*].image') AS images,
            json_extract_string(spec, '$.serviceAccountName') AS service_account,
            json_extract_string(status, '$.qosClass') AS qos_class,
            json_extract_string(spec, '$.priorityClassName') AS priority_class,
            json_extract_string(status, '$.startTime') AS started_at
        FROM lake.snapshots
        WHERE deleted_at IS NULL AND (unobserved_reason IS NULL OR unobserved_reason = 'out of scope') AND type = 'core.v1.Pod'
    )
)
