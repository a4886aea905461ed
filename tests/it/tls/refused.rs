//! Certificates and settings with which the server refuses to start. The error is one line and names the file.

use super::{Authority, Files};
use crate::rig::launch::Launch;

async fn refused(files: &Files, names: &[&str]) {
    let launch = Launch::new()
        .env("OPEN_REGISTRY_TLS_CERT_FILE", &files.certificate)
        .env("OPEN_REGISTRY_TLS_KEY_FILE", &files.key);
    launch.refused().await.names(names);
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named() {
    let authority = Authority::new();
    let (one, other) = (authority.server("one"), authority.server("other"));
    let file = |name: &str, certificate: &str, key: &str| {
        let pair = super::authority::Pair { certificate: certificate.into(), key: key.into() };
        authority.files(name, &pair)
    };
    let mismatch = file("mismatch", &one.certificate, &other.key);
    refused(&mismatch, &["mismatch.key", "does not belong to the certificate", "_KEY_FILE"]).await;
    let expired = authority.files("expired", &authority.expired());
    refused(&expired, &["expired.crt", "expired on 2020-04-01"]).await;
    refused(&file("swapped", &one.key, &one.certificate), &["swapped.crt", "no certificate"]).await;
    refused(&file("keyless", &one.certificate, "x"), &["keyless.key", "no private key"]).await;
    let gone = Files { certificate: authority.path("gone.crt"), key: mismatch.key.clone() };
    refused(&gone, &["gone.crt", "No such file"]).await;
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_named() {
    let key = "OPEN_REGISTRY_TLS_KEY_FILE";
    let launch = Launch::new().env("OPEN_REGISTRY_TLS_CERT_FILE", "/x");
    launch.refused().await.names(&[key, "must be set"]);
    let launch = Launch::new().env("OPEN_REGISTRY_PROXY_PROTOCOL", "true");
    launch.refused().await.names(&["OPEN_REGISTRY_TRUSTED_PROXIES"]);
    let launch = Launch::new().env("OPEN_REGISTRY_TRUSTED_PROXIES", "10.0.0.0/40");
    launch.refused().await.names(&["OPEN_REGISTRY_TRUSTED_PROXIES", "10.0.0.0/8"]);
}
