//! What every client must show where login is asked for, beside its work.

use af_registry::rights::Role;

use super::Stand;
use crate::access::{PASSWORD, SIGNING_SECRET, user};
use crate::cli::Operator;
use crate::rig::authority::Authority;
use crate::rig::server::{Server, builder};

/// Who logs in: somebody who may pull and push everywhere.
pub(crate) const USER: &str = "writer";

/// What clients say of a 401; one of them.
const REFUSED: [&str; 7] = [
    "401",
    "unauthorized",
    "authentication required",
    "no basic auth credentials",
    "authorization failed",
    "denied",
    "invalid username/password",
];

/// What a client said, as an error if it failed.
pub(crate) type Outcome = Result<String, String>;

/// A client that can log in.
pub(crate) struct Client<'a> {
    /// Its name, for repositories of its own.
    pub(crate) name: &'a str,
    /// What it adds to the name of a repository.
    pub(crate) suffix: &'a str,
    /// Logs in as [`USER`] with a password.
    pub(crate) login: &'a dyn Fn(&str) -> Outcome,
    /// Forgets the password.
    pub(crate) logout: &'a dyn Fn() -> Outcome,
    /// Pushes something small to a repository.
    pub(crate) push: &'a dyn Fn(&str) -> Outcome,
    /// Pulls it.
    pub(crate) pull: &'a dyn Fn(&str) -> Outcome,
}

/// A server that wants TLS and login, and who signed its certificate.
pub(super) async fn server() -> (Server, Authority) {
    let authority = Authority::new();
    let server = guarded(&authority).await;
    user(&server.database().store, USER, &[("*", Role::Push)]).await;
    (server, authority)
}

/// A server that wants TLS and login, with an administrator, `root`.
pub(crate) async fn guarded(authority: &Authority) -> Server {
    builder()
        .await
        .tls(authority)
        .env("OPEN_REGISTRY_ALLOW_SPARSE_INDEX", "true")
        .env("OPEN_REGISTRY_AUTH", "token")
        .env("OPEN_REGISTRY_SIGNING_SECRET", SIGNING_SECRET)
        .env("OPEN_REGISTRY_ADMIN_USER", "root")
        .env("OPEN_REGISTRY_ADMIN_PASSWORD", PASSWORD)
        .start()
        .await
}

impl Stand {
    /// `host:port` of the server, as clients name it when they log in.
    pub(crate) fn host(&self) -> String {
        self.server.host()
    }

    /// Has a client refused without login and with a wrong password, lets it log in and do its work, and sees what it
    /// may do when it has logged out.
    pub(crate) async fn guard(&self, client: Client<'_>, work: impl Future<Output = ()>) {
        let [open, shut] = ["open", "shut"].map(|kind| format!("{kind}/{}", client.name));
        refused("push of nobody", (client.push)(&open));
        // Some only keep a password, and find out when they use it.
        let wrong = (client.login)("not the password");
        refused("a wrong password", wrong.and_then(|_| (client.push)(&open)));
        done("login", (client.login)(PASSWORD));
        for repository in [&open, &shut] {
            done("push", (client.push)(repository));
        }
        work.await;
        done("logout", (client.logout)());
        let public = format!("repo visibility {open}{} public", client.suffix);
        Operator::on(&self.server.database().settings).done(&public, "");
        done("pull of what is public", (client.pull)(&open));
        refused("pull of what is private", (client.pull)(&shut));
        // Of a public one some would only see that it is there already.
        refused("push after logout", (client.push)(&shut));
    }
}

#[track_caller]
fn done(what: &str, outcome: Outcome) {
    if let Err(said) = outcome {
        panic!("{what}: {said}");
    }
}

#[track_caller]
fn refused(what: &str, outcome: Outcome) {
    match outcome {
        Ok(said) => panic!("{what} succeeded: {said}"),
        Err(said) => {
            let lower = said.to_lowercase();
            assert!(REFUSED.iter().any(|word| lower.contains(word)), "{what}: {said}");
        }
    }
}
