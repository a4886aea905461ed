-- The bytes of a manifest, whether a repository holds it or not. $1 digest.
SELECT raw FROM manifests WHERE digest = $1
