-- Which images were rolled out, from what to what, and through which program?
SELECT strftime(captured_at, '%a %d') AS day, resource_id,
       split_part(old ->> '$', '/', -1) AS old, split_part(new ->> '$', '/', -1) AS new, managers
FROM field_changes
WHERE kind = 'Deployment' AND path LIKE '%.image'
ORDER BY captured_at;
