-- Which images were rolled out, from what to what, and through which program?
SELECT strftime(captured_at, '%a %d') AS day, resource_id, old ->> '$' AS old, new ->> '$' AS new, managers
FROM field_changes
WHERE kind = 'Deployment' AND path LIKE '%.image'
ORDER BY captured_at;
