//! Certificates of clients.

use af_registry::config::ClientUser;
use af_registry::net::{ClientRoots, TlsOptions};

use super::Authority;
use super::inside::{listen, s_client};

#[tokio::test]
async fn a_client_may_show_a_certificate_of_ours_and_no_other() {
    let (servers, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    for (user, name) in [
        (ClientUser::CommonName, "user=ada\n"),
        (ClientUser::Dns, "user=ada.example\n"),
        (ClientUser::Email, "user=ada@example.org\n"),
    ] {
        let client_roots = Some(ClientRoots::read(&clients.root(), user).unwrap());
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
