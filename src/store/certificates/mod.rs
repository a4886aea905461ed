//! Certificates that all instances order together from an ACME directory.

pub(crate) mod acme_account;
pub(crate) mod certificate;
pub(crate) mod challenge;
