//! Header names of the specification and of its clients that the http crate lacks. Lower case, as HTTP/2 requires.

/// Digest of the content in the response, in the algorithm that the client used.
pub const DOCKER_CONTENT_DIGEST: &str = "docker-content-digest";

/// Id of the upload. It stands beside the upload's `Location`.
pub const DOCKER_UPLOAD_UUID: &str = "docker-upload-uuid";

/// Header of `/v2/` by which Docker recognises a registry.
pub const DOCKER_DISTRIBUTION_API_VERSION: &str = "docker-distribution-api-version";

/// The value of [`DOCKER_DISTRIBUTION_API_VERSION`].
pub const REGISTRY_2_0: &str = "registry/2.0";

/// Digest of the subject, in the response to a pushed manifest that has one.
pub const OCI_SUBJECT: &str = "oci-subject";

/// One tag, in the response to a manifest that was pushed by digest with `?tag=`. The header comes once for each tag.
pub const OCI_TAG: &str = "oci-tag";

/// Filters that were applied to a list of referrers.
pub const OCI_FILTERS_APPLIED: &str = "oci-filters-applied";
