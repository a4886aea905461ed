//! Settings of the certificate that is ordered by ACME.

use std::path::PathBuf;

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};
use super::tls::Tls;

const DOMAIN: Setting = Setting {
    env: "OPEN_REGISTRY_ACME_DOMAIN",
    kind: Kind::Value("NAMES"),
    default: None,
    help: "Host names, separated by commas, for which the registry orders and renews a certificate by ACME. Each must \
           resolve to this registry, which must be reachable there on port 443. The registry then speaks https only. By \
           setting this you agree to the terms of the ACME directory.",
};
const CONTACT: Setting = Setting {
    env: "OPEN_REGISTRY_ACME_CONTACT",
    kind: Kind::Value("MAIL"),
    default: None,
    help: "Mail addresses, separated by commas, to which the ACME directory may write.",
};
const DIRECTORY_URL: Setting = Setting {
    env: "OPEN_REGISTRY_ACME_DIRECTORY_URL",
    kind: Kind::Value("URL"),
    default: Some("https://acme-v02.api.letsencrypt.org/directory"),
    help: "Address of the ACME directory that issues the certificate.",
};
const CA_FILE: Setting = Setting {
    env: "OPEN_REGISTRY_ACME_CA_FILE",
    kind: Kind::Value("FILE"),
    default: None,
    help: "PEM file with the certificate authorities that are trusted for the connection to the ACME directory. Without \
           it those of the system are trusted.",
};

pub(super) const GROUP: Group =
    Group { title: "ACME", settings: &[&DOMAIN, &CONTACT, &DIRECTORY_URL, &CA_FILE] };

/// The certificate to order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// Names in the certificate: lower case, sorted, without duplicates.
    pub names: Vec<String>,
    /// Addresses that the directory may write to, as `mailto:` URLs.
    pub contacts: Vec<String>,
    /// `https://` address of the directory.
    pub directory: String,
    /// PEM file with the authorities trusted for the directory. `None` trusts those of the system.
    pub authority: Option<PathBuf>,
}

impl Acme {
    pub(super) fn read(source: &mut Source, tls: &Tls) -> Result<Option<Self>, ConfigError> {
        let contacts = source.read_optional(&CONTACT, contacts)?.unwrap_or_default();
        let directory = source.read(&DIRECTORY_URL, directory)?;
        let authority = source.read_optional(&CA_FILE, value::text)?.map(PathBuf::from);
        let Some(names) = source.read_optional(&DOMAIN, names)? else {
            let idle = [&CONTACT, &DIRECTORY_URL, &CA_FILE];
            let idle = idle.iter().filter(|setting| source.is_given(setting));
            let idle: Vec<&str> = idle.map(|setting| setting.env).collect();
            if !idle.is_empty() {
                let idle = format!("{} has no effect without {}", idle.join(", "), DOMAIN.env);
                source.warnings.push(idle);
            }
            return Ok(None);
        };
        if tls.files.is_some() {
            let reason = "OPEN_REGISTRY_TLS_CERT_FILE is set as well; keep one of the two";
            return Err(ConfigError::bad(DOMAIN.env, reason));
        }
        Ok(Some(Self { names, contacts, directory, authority }))
    }
}

fn names(text: &str) -> Result<Vec<String>, String> {
    let mut names = text.split(',').map(name).collect::<Result<Vec<_>, _>>()?;
    names.sort();
    names.dedup();
    Ok(names)
}

fn name(text: &str) -> Result<String, String> {
    let name = text.trim().to_ascii_lowercase();
    if name.starts_with("*.") {
        return Err("a name with `*` can be validated only by DNS, which is not supported; write out each name".to_owned());
    }
    let label = |label: &str| {
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.len() <= 63 && label.chars().all(inside)
    };
    let top = name.rsplit('.').next().unwrap_or_default();
    if name.len() > 253
        || !name.contains('.')
        || !name.split('.').all(label)
        || top.chars().all(|c| c.is_ascii_digit())
    {
        return Err(
            "not a public host name; write registry.example, without scheme and port".to_owned()
        );
    }
    Ok(name)
}

fn contacts(text: &str) -> Result<Vec<String>, String> {
    let contact = |text: &str| {
        let mail = text.trim();
        let mail = mail.strip_prefix("mailto:").unwrap_or(mail);
        match mail.split_once('@') {
            Some((user, host))
                if !user.is_empty()
                    && !host.is_empty()
                    && mail.chars().all(|c| c.is_ascii_graphic()) =>
            {
                Ok(format!("mailto:{mail}"))
            }
            _ => Err("not a mail address; write one such as me@registry.example".to_owned()),
        }
    };
    text.split(',').map(contact).collect()
}

fn directory(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").unwrap_or_default();
    if host.is_empty() || host.starts_with('/') || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(
            "not an https address; write one such as https://directory.example/path".to_owned()
        );
    }
    Ok(text.to_owned())
}
