//! Certificates that all instances order together from an ACME directory.

pub(crate) mod certificate;
