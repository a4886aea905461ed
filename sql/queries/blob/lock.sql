-- Keeps others from changing a blob's CID until the transaction ends. Weaker than FOR UPDATE, so that others can still
-- link the blob. $1 digest.
SELECT id FROM blobs WHERE digest = $1 FOR NO KEY UPDATE
