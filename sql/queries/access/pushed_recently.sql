-- One row if $2 (a subject) has completed a blob in $1 (a repository) within the last $3 seconds.
SELECT FROM recent_pushes p
JOIN repositories r ON r.id = p.repository_id
WHERE r.name = $1 AND p.subject = $2 AND p.pushed_at > now() - make_interval(secs => $3)
