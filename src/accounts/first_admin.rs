//! The first administrator, who is added at the first start with a login, so that a new registry can be used at once.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::{AccountName, AccountsError, NewPassword, Users, random_password};
use crate::config::Secret;

/// Name of the file in the data directory that has the generated password.
const FILE: &str = "first-admin-password";

/// An administrator who has just been added.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the other field is its name")]
pub struct FirstAdmin {
    pub name: String,
    /// The password, if it was generated. It may be shown once, and only to the operator.
    pub password: Option<Secret>,
}

impl FirstAdmin {
    /// Writes a generated password to a file in `directory` that only this user can read, and returns the line that tells
    /// the operator so. The line has the password itself when it goes to a `terminal`, and when the file cannot be
    /// written: nobody could log in otherwise. It must not go to the log, which is kept and sent on. `None` when the
    /// operator chose the password.
    pub fn notice(&self, directory: &Path, terminal: bool) -> Option<String> {
        let password = self.password.as_ref()?.expose();
        let (name, file) = (&self.name, directory.join(FILE));
        let written = write_private(&file, password);
        let file = file.display();
        let tells = match written {
            Ok(()) if terminal => format!("password {password} (it is also in {file};"),
            Ok(()) => format!(
                "its password is in {file}, for this user alone (delete the file when you know it;"
            ),
            Err(error) => format!(
                "password {password} (it is not shown again, for {file} cannot be written: {error};"
            ),
        };
        Some(format!(
            "af-registry: added the first administrator: user {name}, {tells} `af-registry user passwd {name}` changes it)"
        ))
    }
}

/// Replaces `file` by one that only this user can read.
fn write_private(file: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(written, "{text}")?;
    written.sync_all()
}

impl Users<'_> {
    /// Adds a user who may do everything, if there is no user yet. If `password` is empty, a random one is generated.
    /// When several instances start at once, one of them adds the user, and the others get `None`.
    ///
    /// # Errors
    /// [`AccountsError::Name`] and [`AccountsError::Password`] if there is no user yet, and the name or the password is
    /// not acceptable.
    pub async fn add_first_admin(
        self,
        user: &str,
        password: &Secret,
    ) -> Result<Option<FirstAdmin>, AccountsError> {
        // Robots do not count, because they have no rights beyond their namespace.
        if !self.list().await?.is_empty() {
            return Ok(None);
        }
        let name: AccountName = user.parse()?;
        let made_up = if password.is_empty() { Some(random_password()) } else { None };
        let password = made_up.clone().unwrap_or_else(|| password.clone());
        let hash = NewPassword::parse(name.as_user()?, password)?.hash().await?;
        let made = self.store().accounts().add_first_admin(name.as_str(), &hash).await?;
        Ok(made.then(|| FirstAdmin { name: name.to_string(), password: made_up }))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn admin(password: &str) -> FirstAdmin {
        FirstAdmin { name: "admin".into(), password: Some(Secret::new(password)) }
    }

    #[test]
    fn a_generated_password_is_in_a_private_file_and_not_in_the_output() {
        let top = tempfile::tempdir().unwrap();
        let directory = top.path().join("data");
        let file = directory.join(FILE);
        // What is there already may be readable for others.
        fs::create_dir(&directory).unwrap();
        fs::write(&file, "old").unwrap();
        let notice = admin("generated").notice(&directory, false).unwrap();
        assert!(
            notice.contains(file.to_str().unwrap()) && !notice.contains("generated"),
            "{notice}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), "generated\n");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
        let notice = admin("another").notice(&top.path().join("new"), true).unwrap();
        assert!(notice.contains("password another") && notice.lines().count() == 1, "{notice}");
    }

    #[test]
    fn a_password_that_cannot_be_written_is_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let notice = admin("generated").notice(file.path(), false).unwrap();
        assert!(notice.contains("password generated"), "{notice}");
    }

    #[test]
    fn a_password_that_the_operator_chose_is_not_shown() {
        let top = tempfile::tempdir().unwrap();
        let admin = FirstAdmin { name: "admin".into(), password: None };
        assert_eq!(admin.notice(top.path(), true), None);
        assert_eq!(fs::read_dir(top.path()).unwrap().count(), 0);
    }
}
