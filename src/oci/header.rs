//! Header names that the specification or its clients know and the http crate does not, in lower case as they go on
//! the wire of HTTP/2.

/// The digest of what is answered, in the algorithm the client used.
pub const DOCKER_CONTENT_DIGEST: &str = "docker-content-digest";

/// Names the upload session, beside its `Location`.
pub const DOCKER_UPLOAD_UUID: &str = "docker-upload-uuid";

/// On `/v2/`: how Docker tells a registry from any other server.
pub const DOCKER_DISTRIBUTION_API_VERSION: &str = "docker-distribution-api-version";

/// The value of [`DOCKER_DISTRIBUTION_API_VERSION`].
pub const REGISTRY_2_0: &str = "registry/2.0";

/// On the answer to a manifest with a subject: the subject's digest.
pub const OCI_SUBJECT: &str = "oci-subject";

/// On the answer to a manifest pushed by digest with `?tag=`: one tag each.
pub const OCI_TAG: &str = "oci-tag";

/// On a referrers list: the filters that were applied.
pub const OCI_FILTERS_APPLIED: &str = "oci-filters-applied";
