-- The gate alone, for what has no lookup to ask it with. $1 to $4 as in gate.
SELECT allowed FROM gate($1, $2, $3, $4)
