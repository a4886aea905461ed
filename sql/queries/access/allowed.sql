-- Only checks a right, for actions without a lookup. $1 to $4 are the parameters of gate.
SELECT allowed FROM gate($1, $2, $3, $4)
