//! Certificates that are ordered rather than given.

use std::path::PathBuf;

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};
use super::tls::Tls;

const DOMAIN: Setting = Setting {
    env: "OPEN_REGISTRY_ACME_DOMAIN",
    kind: Kind::Value("NAMES"),
    default: None,
    help: "Names, separated by commas, for which a certificate is ordered and renewed by ACME; they must lead to this \
           registry on port 443. With it the registry speaks https only, and agrees to the directory's terms.",
};
const CONTACT: Setting = Setting {
    env: "OPEN_REGISTRY_ACME_CONTACT",
    kind: Kind::Value("MAIL"),
    default: None,
    help: "Mail addresses, separated by commas, that the directory may write to.",
};
const DIRECTORY_URL: Setting = Setting {
    env: "OPEN_REGISTRY_ACME_DIRECTORY_URL",
    kind: Kind::Value("URL"),
    default: Some("https://acme-v02.api.letsencrypt.org/directory"),
    help: "ACME directory to order from.",
};
const CA_FILE: Setting = Setting {
    env: "OPEN_REGISTRY_ACME_CA_FILE",
    kind: Kind::Value("FILE"),
    default: None,
    help: "Certificate authority, in PEM form, that certified the directory itself, where it is not a public one.",
};

pub(super) const GROUP: Group =
    Group { title: "ACME", settings: &[&DOMAIN, &CONTACT, &DIRECTORY_URL, &CA_FILE] };

/// What is ordered, and from whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// Names in the certificate, in lower case, sorted, none twice.
    pub names: Vec<String>,
    /// `mailto:` addresses.
    pub contacts: Vec<String>,
    /// Address of the directory, by https.
    pub directory: String,
    /// A PEM file with the authority of the directory; `None` for those of the system.
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
            let reason = "a certificate is given by OPEN_REGISTRY_TLS_CERT_FILE as well; keep one of the two";
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
        return Err("a name with `*` is proven by DNS alone; write each name out".to_owned());
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
        return Err("not a public name; write registry.example, without port and scheme".to_owned());
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
            _ => Err("not a mail address; write me@registry.example".to_owned()),
        }
    };
    text.split(',').map(contact).collect()
}

fn directory(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").unwrap_or_default();
    if host.is_empty() || host.starts_with('/') || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err("not an address; write https://directory.example/path".to_owned());
    }
    Ok(text.to_owned())
}
