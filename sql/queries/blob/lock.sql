-- Keeps a blob's CID as it is until the transaction ends. Weaker than FOR UPDATE, so that links to it go on.
-- $1 digest.
SELECT id FROM blobs WHERE digest = $1 FOR NO KEY UPDATE
