-- name: deployment-replicas
-- description: Every Deployment with the replicas it asks for and those that are ready, the ones that lack some first.
SELECT cluster, namespace, name, replicas, ready_replicas, updated_replicas, available_replicas, images
FROM deployments
ORDER BY ready_replicas >= replicas, cluster, namespace, name
