//! The signing secret: taken from the settings, or generated once and kept in the data directory.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use data_encoding::HEXLOWER;
use thiserror::Error;

use super::random;
use crate::config::{Config, Secret};

/// Fewest characters of the secret. Someone who can read the database could try out all shorter ones.
const SHORTEST: usize = 16;

/// Most bytes that are read from the file of the secret.
const LONGEST: u64 = 64 * 1024;

/// Name of the file in the data directory.
const FILE: &str = "signing-secret";

/// The signing secret cannot be used. The message is one line that names the setting or the file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SecretError(String);

/// The secret that all sealing keys are derived from. Instances that share a database need the same one.
#[derive(Clone)]
pub struct SigningSecret(Secret);

impl SigningSecret {
    /// Takes the secret from the settings or, if they have none, from the data directory.
    ///
    /// # Errors
    /// As [`SigningSecret::new`] and [`SigningSecret::kept_in`].
    pub fn of(config: &Config) -> Result<Self, SecretError> {
        let given = &config.access.signing_secret;
        match given.is_empty() {
            true => Self::kept_in(&config.data_dir),
            false => Self::new(given.clone()),
        }
    }

    /// As [`SigningSecret::of`], for data that may become unreadable at a restart. When login is off and the settings
    /// have no secret, this is a random one that is not stored, because nothing else may need the data directory then.
    ///
    /// # Errors
    /// As [`SigningSecret::of`].
    pub fn of_or_ephemeral(config: &Config) -> Result<Self, SecretError> {
        let access = &config.access;
        if !access.login.is_required() && access.signing_secret.is_empty() {
            return Ok(Self(random_text()));
        }
        Self::of(config)
    }

    /// Checks the value of OPEN_REGISTRY_SIGNING_SECRET.
    ///
    /// # Errors
    /// It has fewer than 16 characters.
    pub fn new(secret: Secret) -> Result<Self, SecretError> {
        if secret.expose().len() < SHORTEST {
            return Err(SecretError(format!(
                "OPEN_REGISTRY_SIGNING_SECRET has fewer than {SHORTEST} characters; `openssl rand -hex 32` prints a \
                 good one"
            )));
        }
        Ok(Self(secret))
    }

    /// Reads the secret from the file `signing-secret` in `directory`. If there is no such file, this creates it with a
    /// random secret. Concurrent callers all get the same secret.
    ///
    /// # Errors
    /// The file cannot be read or created, every user of the machine may read it, or its secret is too short.
    pub fn kept_in(directory: &Path) -> Result<Self, SecretError> {
        let path = directory.join(FILE);
        let text = match read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make(directory, &path).and_then(|()| read(&path))
            }
            other => other,
        };
        let failed = |reason: String| {
            let path = path.display();
            SecretError(format!(
                "cannot use the signing secret in {path}: {reason}; to use another secret, set \
                 OPEN_REGISTRY_SIGNING_SECRET"
            ))
        };
        let text = text.map_err(|error| failed(error.to_string()))?;
        if text.trim().len() < SHORTEST {
            return Err(failed(format!("it has fewer than {SHORTEST} characters")));
        }
        Ok(Self(Secret::new(text.trim())))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

fn read(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let found = file.metadata()?;
    // Its group may read it: Kubernetes gives every file of a volume to the group of the pod.
    if !found.is_file() || found.mode() & 0o007 != 0 {
        let mode = found.mode() & 0o7777;
        let reason = format!("every user of this machine may use it (mode {mode:o}); chmod 600 it");
        return Err(io::Error::other(reason));
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// Creates the file at `path`. The secret is written to a file of another name, which is then hard-linked to `path`: no
/// reader sees half a file, and linking fails rather than replace a file that is there.
fn make(directory: &Path, path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let draft = directory.join(format!("{FILE}.{}", uuid::Uuid::new_v4()));
    let written = write(&draft).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    fs::remove_file(&draft)?;
    written?;
    File::open(directory)?.sync_all()
}

fn write(draft: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    writeln!(file, "{}", random_text().expose())?;
    file.sync_all()
}

fn random_text() -> Secret {
    Secret::new(HEXLOWER.encode(&random::bytes::<32>()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn concurrent_first_starts_end_with_one_file_and_one_secret() {
        let top = tempfile::tempdir().unwrap();
        let directory = top.path().join("deep/data");
        let starts: Vec<_> = std::thread::scope(|scope| {
            let start = || SigningSecret::kept_in(&directory).unwrap().bytes().to_vec();
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        let file = directory.join(FILE);
        assert!(starts.iter().all(|secret| *secret == starts[0]));
        assert_eq!(starts[0].len(), 64);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        let other = SigningSecret::kept_in(&top.path().join("other")).unwrap();
        assert_ne!(other.bytes(), starts[0]);
    }

    #[test]
    fn a_file_that_every_user_may_read_is_refused() {
        let top = tempfile::tempdir().unwrap();
        SigningSecret::kept_in(top.path()).unwrap();
        let file = top.path().join(FILE);
        for (mode, good) in [(0o400, true), (0o640, true), (0o644, false), (0o602, false)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(SigningSecret::kept_in(top.path()).is_ok(), good, "{mode:o}");
        }
    }

    #[test]
    fn an_empty_file_is_refused_and_left_alone() {
        let top = tempfile::tempdir().unwrap();
        let file = top.path().join(FILE);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file).unwrap();
        let error = SigningSecret::kept_in(top.path()).unwrap_err().to_string();
        assert!(error.contains("OPEN_REGISTRY_SIGNING_SECRET") && !error.contains('\n'), "{error}");
        assert_eq!(fs::metadata(&file).unwrap().len(), 0);
    }

    #[test]
    fn a_short_secret_is_refused_and_no_secret_is_printed() {
        let error = SigningSecret::new(Secret::new("hunter2")).unwrap_err().to_string();
        assert!(error.contains("OPEN_REGISTRY_SIGNING_SECRET"), "{error}");
        assert!(!error.contains("hunter2"));
        let secret = SigningSecret::new(Secret::new("hunter2hunter2hunter2")).unwrap();
        assert_eq!(format!("{secret:?}"), "[secret]");
    }
}
