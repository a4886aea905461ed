-- Whether a row names a CID as pinned. A statement of its own, after pin/claim: the snapshot of that one is older than a
-- commit that it has waited for. $1 CID. LIMIT keeps the planner from reading all parts into a hash table.
SELECT (SELECT TRUE FROM blobs b WHERE b.ipfs_cid = $1 LIMIT 1) IS TRUE
    OR (SELECT TRUE FROM upload_parts p WHERE p.ipfs_cid = $1 AND p.pinned LIMIT 1) IS TRUE AS named
