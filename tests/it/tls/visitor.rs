//! Certificates of clients.

use af_registry::config::{ClientFiles, ClientUser};
use af_registry::net::{ClientRoots, TlsOptions};
use rcgen::{CertificateParams, DnType, DnValue, SanType};

use super::Authority;
use super::authority::client_named;
use super::inside::{listen, s_client};

fn roots(clients: &Authority, user: ClientUser) -> ClientRoots {
    let files = ClientFiles { authorities: clients.root(), revocations: None, user };
    ClientRoots::read(files).unwrap()
}

#[tokio::test]
async fn a_client_certificate_of_another_authority_is_refused() {
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    for (user, name) in [
        (ClientUser::CommonName, "user=ada\n"),
        (ClientUser::Dns, "user=ada.example\n"),
        (ClientUser::Email, "user=ada@example.org\n"),
    ] {
        let client_roots = Some(roots(&clients, user));
        let options = TlsOptions { client_roots, ..TlsOptions::default() };
        let address = listen(&servers.server("one"), options);
        let talk = async |by: &Authority| {
            let files = by.files("ada", &by.client("ada"));
            let (crt, key) = (files.certificate.to_str().unwrap(), files.key.to_str().unwrap());
            s_client(address, &servers.root(), &["-cert", crt, "-key", key]).await + "\n"
        };
        let text = talk(&clients).await;
        assert!(text.contains(name.trim_end()), "{user:?} {text}");
        let text = talk(&strangers).await;
        assert!(text.contains("alert") && !text.contains("user="), "{text}");
        let text = s_client(address, &servers.root(), &[]).await;
        assert!(text.contains("user=nobody"), "{text}");
    }
}

/// Adds something to what a certificate says.
type Change<'a> = &'a dyn Fn(&mut CertificateParams);

#[tokio::test]
async fn a_certificate_with_two_names_names_nobody() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let common = |name: &str| DnValue::Utf8String(name.to_owned());
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let mail = |name: &str| SanType::Rfc822Name(name.try_into().unwrap());
    let with = |change: Change<'_>| {
        let mut params = client_named("ada");
        change(&mut params);
        clients.files("two", &clients.sign(params))
    };
    // rcgen keeps one value of a kind in a name, so the second common name comes under its bare identifier.
    let second = DnType::CustomDnType(vec![2, 5, 4, 3]);
    let changes: [(ClientUser, Change<'_>); 3] = [
        (ClientUser::CommonName, &|it| it.distinguished_name.push(second.clone(), common("eve"))),
        (ClientUser::Dns, &|it| it.subject_alt_names.push(dns("eve.example"))),
        (ClientUser::Email, &|it| it.subject_alt_names.push(mail("eve@example.org"))),
    ];
    for (user, change) in changes {
        let client_roots = Some(roots(&clients, user));
        let options = TlsOptions { client_roots, ..TlsOptions::default() };
        let address = listen(&servers.server("one"), options);
        let files = with(change);
        let (crt, key) = (files.certificate.to_str().unwrap(), files.key.to_str().unwrap());
        let text = s_client(address, &servers.root(), &["-cert", crt, "-key", key]).await;
        assert!(text.contains("user=nobody"), "{user:?} {text}");
    }
}
