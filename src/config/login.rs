//! Whether clients log in: one decision, made from everything that the other settings say about who comes.

/// Whether clients log in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Login {
    /// Clients log in. Without a login they read public repositories only.
    #[default]
    Token,
    /// Clients do not log in, and only programs on this machine are expected.
    Local,
    /// Clients do not log in. The operator accepts that everyone who reaches the port may do everything.
    Anyone,
}

impl Login {
    /// Whether clients log in.
    pub fn is_required(self) -> bool {
        self == Self::Token
    }
}

/// What `OPEN_REGISTRY_AUTH` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Token,
    None,
}

/// What the settings say about who reaches the registry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// `OPEN_REGISTRY_AUTH`, if it is set.
    pub(super) asked: Option<Asked>,
    /// Whether `OPEN_REGISTRY_INSECURE_ANONYMOUS` is true.
    pub(super) anonymous: bool,
    /// The registry starts its own PostgreSQL, so the data belongs to nobody else.
    pub(super) own_postgres: bool,
    /// It listens on a loopback address.
    pub(super) loopback: bool,
    /// Its domain is another name than `localhost` or a loopback address.
    pub(super) domain: bool,
    /// There are trusted proxies.
    pub(super) proxies: bool,
    /// Proxies send a PROXY header.
    pub(super) proxy_protocol: bool,
    /// Something of TLS is configured: a certificate, client certificates or the redirect to https.
    pub(super) tls: bool,
    /// A certificate is ordered.
    pub(super) acme: bool,
    /// The first administrator is named or has a password.
    pub(super) admin: bool,
}

impl Facts {
    /// Decides whether clients log in.
    ///
    /// # Errors
    /// Why `OPEN_REGISTRY_AUTH=none` is refused.
    pub(super) fn login(self) -> Result<Login, String> {
        match (self.asked, self.others_come()) {
            (Some(Asked::Token), _) => Ok(Login::Token),
            _ if self.anonymous => Ok(Login::Anyone),
            (Some(Asked::None), None) => Ok(Login::Local),
            (None, None) if self.own_postgres => Ok(Login::Local),
            (None, _) => Ok(Login::Token),
            (Some(Asked::None), Some(sign)) => Err(format!(
                "{sign}, so clients come from other machines, and without a login each of them could read, write and \
                 delete everything; set it to token, or accept that with OPEN_REGISTRY_INSECURE_ANONYMOUS=true"
            )),
        }
    }

    /// The first setting that says that clients come from other machines, as the beginning of a sentence.
    fn others_come(self) -> Option<&'static str> {
        let signs = [
            (!self.loopback, "OPEN_REGISTRY_HOST is not a loopback address"),
            (self.domain, "OPEN_REGISTRY_DOMAIN is not localhost"),
            (self.proxies, "OPEN_REGISTRY_TRUSTED_PROXIES is set"),
            (self.proxy_protocol, "OPEN_REGISTRY_PROXY_PROTOCOL is set"),
            (self.tls, "TLS is configured"),
            (self.acme, "OPEN_REGISTRY_ACME_DOMAIN is set"),
            (self.admin, "OPEN_REGISTRY_ADMIN_USER or OPEN_REGISTRY_ADMIN_PASSWORD is set"),
        ];
        signs.into_iter().find_map(|(is_so, sign)| is_so.then_some(sign))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A registry with its own PostgreSQL on a loopback address and nothing else set.
    const ALONE: Facts = Facts {
        asked: None,
        anonymous: false,
        own_postgres: true,
        loopback: true,
        domain: false,
        proxies: false,
        proxy_protocol: false,
        tls: false,
        acme: false,
        admin: false,
    };

    /// What is decided with AUTH unset, with `none`, with `none` and INSECURE_ANONYMOUS, and with `token` and that.
    fn decisions(facts: Facts) -> [Option<Login>; 4] {
        let (none, token) = (Some(Asked::None), Some(Asked::Token));
        [(None, false), (none, false), (none, true), (token, true)]
            .map(|(asked, anonymous)| Facts { asked, anonymous, ..facts }.login().ok())
    }

    #[test]
    fn every_sign_that_others_come_asks_for_a_login() {
        use Login::{Anyone, Local, Token};
        let alone = [Some(Local), Some(Local), Some(Anyone), Some(Token)];
        let shared = [Some(Token), Some(Local), Some(Anyone), Some(Token)];
        let others = [Some(Token), None, Some(Anyone), Some(Token)];
        for (facts, decided, what) in [
            (ALONE, alone, "nothing"),
            (Facts { own_postgres: false, ..ALONE }, shared, "a PostgreSQL"),
            (Facts { loopback: false, ..ALONE }, others, "HOST"),
            (Facts { domain: true, ..ALONE }, others, "DOMAIN"),
            (Facts { proxies: true, ..ALONE }, others, "TRUSTED_PROXIES"),
            (Facts { proxy_protocol: true, ..ALONE }, others, "PROXY_PROTOCOL"),
            (Facts { tls: true, ..ALONE }, others, "TLS"),
            (Facts { acme: true, ..ALONE }, others, "ACME"),
            (Facts { admin: true, ..ALONE }, others, "ADMIN"),
        ] {
            assert_eq!(decisions(facts), decided, "{what}");
            let silent = Facts { anonymous: true, ..facts };
            assert_eq!(silent.login(), Ok(Anyone), "{what}");
        }
    }

    #[test]
    fn a_refusal_names_the_sign_and_the_way_out() {
        for (facts, sign) in [
            (Facts { domain: true, tls: true, ..ALONE }, "OPEN_REGISTRY_DOMAIN"),
            (Facts { admin: true, ..ALONE }, "OPEN_REGISTRY_ADMIN_USER"),
        ] {
            let told = Facts { asked: Some(Asked::None), ..facts }.login().unwrap_err();
            assert!(told.starts_with(sign), "{told}");
            assert!(told.contains("OPEN_REGISTRY_INSECURE_ANONYMOUS=true"), "{told}");
        }
    }
}
