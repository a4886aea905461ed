//! Handshakes with openssl: versions, ciphers, kinds of keys, resumed sessions.

use std::process::Command;

use af_registry::config::Secret;
use af_registry::net::TlsOptions;
use af_registry::seal::{EpochSealer, SigningSecret};

use super::Authority;
use super::authority::Pair;
use super::inside::{listen, s_client};
use super::secured;
use crate::rig::program::complete;
use crate::rig::server::{Builder, Server};

#[tokio::test]
async fn versions_before_1_2_and_weak_ciphers_are_refused() {
    let authority = Authority::new();
    let address = listen(&authority.server("one"), TlsOptions::default());
    let talk = async |arguments: &[&str]| s_client(address, &authority.root(), arguments).await;
    for (arguments, agreed) in [
        (&["-tls1_2"][..], "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES128-GCM-SHA256"),
        (&["-tls1_3"], "New, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256"),
        (&[], "New, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256"),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], "ECDSA-CHACHA20-POLY1305"),
    ] {
        let text = talk(arguments).await;
        assert!(text.contains(agreed) && text.contains("user=nobody"), "{arguments:?} {text}");
    }
    for arguments in [
        &["-tls1", "-cipher", "ALL:@SECLEVEL=0"][..],
        &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"],
        &["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
        &["-alpn", "acme-tls/1"],
    ] {
        let text = talk(arguments).await;
        assert!(text.contains("alert") && !text.contains("user="), "{arguments:?} {text}");
    }
}

#[tokio::test]
async fn every_kind_of_key_is_supported() {
    let authority = Authority::new();
    let path = |name: &str| authority.path(name).to_str().unwrap().to_owned();
    let (key, certificate) = (path("any.key"), path("any.crt"));
    let openssl = |arguments: &str| {
        complete(Command::new("openssl").args(arguments.split_whitespace()));
        std::fs::read_to_string(&key).unwrap()
    };
    for (begins, make) in [
        ("-----BEGIN EC PARAMETERS", format!("ecparam -name prime256v1 -genkey -out {key}")),
        ("-----BEGIN EC PRIVATE", format!("ecparam -name secp384r1 -noout -genkey -out {key}")),
        (
            "-----BEGIN PRIVATE",
            format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {key}"),
        ),
        ("-----BEGIN RSA PRIVATE", format!("genrsa -traditional -out {key} 2048")),
        ("-----BEGIN PRIVATE", format!("genpkey -algorithm RSA -out {key}")),
        ("-----BEGIN PRIVATE", format!("genpkey -algorithm ED25519 -out {key}")),
    ] {
        let pem = openssl(&make);
        assert!(pem.starts_with(begins), "{make}");
        let subject = "/CN=localhost -addext subjectAltName=DNS:localhost";
        openssl(&format!("req -x509 -key {key} -out {certificate} -subj {subject}"));
        let pair = Pair { certificate: std::fs::read_to_string(&certificate).unwrap(), key: pem };
        let address = listen(&pair, TlsOptions::default());
        let text = s_client(address, certificate.as_ref(), &[]).await;
        assert!(text.contains("user=nobody"), "{make} {text}");
    }
}

#[tokio::test]
async fn a_session_is_resumed_wherever_the_secret_is_the_same() {
    let authority = Authority::new();
    let pair = authority.server("one");
    let serve = |secret: &str| {
        let secret = SigningSecret::new(Secret::new(secret)).unwrap();
        let tickets = Some(EpochSealer::new(&secret, "TLS tickets"));
        listen(&pair, TlsOptions { tickets, ..TlsOptions::default() })
    };
    let (ours, others) = ("a secret of some length", "another secret of length");
    let (one, same, other) = (serve(ours), serve(ours), serve(others));
    let session = authority.path("session");
    let session = session.to_str().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let talk = async |address, option| {
            s_client(address, &authority.root(), &[version, option, session]).await
        };
        for (address, outcome) in
            [(one, "Reused, TLSv1."), (same, "Reused, TLSv1."), (other, "New, TLSv1.")]
        {
            let text = talk(one, "-sess_out").await;
            assert!(text.contains("New, TLSv1."), "{text}");
            let text = talk(address, "-sess_in").await;
            assert!(text.contains(outcome) && text.contains("user=nobody"), "{version} {text}");
        }
    }
}

#[tokio::test]
async fn instances_with_one_signing_secret_resume_each_others_sessions() {
    let authority = Authority::new();
    let files = authority.files("shown", &authority.server("one"));
    let secret = "OPEN_REGISTRY_SIGNING_SECRET";
    let one = secured(&files).await.env(secret, "a secret that is shared").start().await;
    let two = Builder::beside(&one).start().await;
    let other = Builder::beside(&one).env(secret, "a secret of somebody else").start().await;
    let session = authority.path("session");
    let session = session.to_str().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let talk = async |server: &Server, option| {
            s_client(server.addr, &authority.root(), &[version, option, session]).await
        };
        for (server, outcome) in
            [(&one, "Reused, TLSv1."), (&two, "Reused, TLSv1."), (&other, "New, TLSv1.")]
        {
            assert!(talk(&one, "-sess_out").await.contains("New, TLSv1."));
            let text = talk(server, "-sess_in").await;
            assert!(text.contains(outcome) && text.contains("HTTP/1.1 404"), "{version} {text}");
        }
    }
}
