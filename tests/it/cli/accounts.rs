//! Users and robots.

use std::time::{Duration, SystemTime};

use af_registry::stream::hashing::sha256;
use serde_json::json;

use super::{Operator, PASSWORD};
use crate::rig;

#[tokio::test]
async fn a_user_is_added_listed_changed_and_removed() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let operator = Operator::on(&settings);
    assert_eq!(operator.json("user list", ""), json!([]));
    assert_eq!(operator.done("user add ann", PASSWORD), "added ann\n");
    let ann = store.accounts().get("ann").await.unwrap().unwrap();
    assert!(ann.secret_hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    operator.refused("user add ann", PASSWORD, &["an account ann already"]);
    let added = operator.json("user add bob@example.org --password-stdin", "pass:wörd ok\r\n");
    assert_eq!(added["name"], "bob@example.org");

    let text = operator.done("user list", "");
    let lines: Vec<_> = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(lines[0], ["NAME", "STATE", "CREATED", "LAST", "USED"]);
    assert_eq!((&lines[1][..2], lines[1][3]), (&["ann", "active"][..], "-"));
    assert_eq!(lines[2][..2], ["bob@example.org", "active"]);
    let users = operator.json("user list", "");
    assert_eq!((&users[0]["name"], &users[0]["state"]), (&json!("ann"), &json!("active")));
    assert!(!users.to_string().contains("argon2"), "{users}");
    assert_eq!(users[0]["last_used_at"], json!(null));
    assert!(store.accounts().note_use(ann.id, Duration::from_secs(3600)).await.unwrap());
    let users = operator.json("user list", "");
    let used = users[0]["last_used_at"].as_str().unwrap();
    assert!(used.starts_with("20") && users[1]["last_used_at"] == json!(null), "{users}");
    assert!(operator.done("user list", "").contains(used));

    operator.done("user passwd ann", "another one");
    let renewed = store.accounts().get("ann").await.unwrap().unwrap();
    assert!(renewed.secret_hash != ann.secret_hash && renewed.revision != ann.revision);
    assert_eq!(operator.done("user disable ann", ""), "disabled ann\n");
    assert_eq!(operator.json("user list", "")[0]["state"], "disabled");
    assert!(!store.accounts().get("ann").await.unwrap().unwrap().usable);
    assert_eq!(operator.json("user enable ann", "")["done"], "enabled");
    assert!(store.accounts().get("ann").await.unwrap().unwrap().usable);
    assert_eq!(operator.done("user remove ann", ""), "removed ann\n");
    for verb in ["passwd", "disable", "enable", "remove"] {
        operator.refused(&format!("user {verb} ann"), PASSWORD, &["no account ann"]);
    }
}

#[tokio::test]
async fn a_password_is_never_an_argument() {
    let settings = rig::database().await.settings;
    let operator = Operator::on(&settings);
    for arguments in ["--password tell-tale", "--password=tell-tale", "-p tell-tale", "tell-tale"] {
        for command in ["user add ann", "user passwd ann"] {
            let words = &["must not be an argument", "--password-stdin"];
            let line = operator.refused(&format!("{command} {arguments}"), PASSWORD, words);
            assert!(!line.contains("tell-tale"), "{line}");
        }
    }
    assert_eq!(operator.json("user list", ""), json!([]));
}

#[tokio::test]
async fn bad_passwords_and_names_are_refused() {
    let settings = rig::database().await.settings;
    let operator = Operator::on(&settings);
    for (password, why) in [
        ("", "empty"),
        ("\n", "empty"),
        ("seven77", "8 characters"),
        ("Harbor12345\n", "try first"),
        ("passw0rd", "try first"),
        ("two lines\nof it", "line break"),
    ] {
        let line = operator.refused("user add ann", password, &["the password", why]);
        assert!(password.trim().is_empty() || !line.contains(password.trim()), "{line}");
    }
    operator.refused("user add annabella", "annabella", &["user's name"]);
    for name in ["Ann", "a:b", "acme+ci", "-", ".a"] {
        operator.refused(&format!("user add -- {name}"), PASSWORD, &["user name", name]);
    }
    for name in ["ci", "acme+", "+ci", "Acme+ci", "acme+c:i"] {
        operator.refused(&format!("robot add {name}"), "", &["namespace+name", name]);
    }
    assert_eq!(operator.json("user list", ""), json!([]));
    assert_eq!(operator.json("robot list", ""), json!([]));
}

#[tokio::test]
async fn a_robots_secret_is_shown_once() {
    let rig::Database { store, settings, .. } = rig::database().await;
    let operator = Operator::on(&settings);
    let text = operator.done("robot add acme/web+ci", "");
    let secret = text.lines().nth(1).unwrap().to_owned();
    assert!(secret.starts_with("afr_") && secret.len() == 47, "{text}");
    let robot = store.accounts().get("acme/web+ci").await.unwrap().unwrap();
    assert_eq!(robot.namespace.as_deref(), Some("acme/web"));
    assert_eq!(robot.secret_hash, sha256(secret.as_bytes()).hex());
    let life = robot.expires_at.unwrap().duration_since(robot.created_at).unwrap();
    assert_eq!(life, Duration::from_secs(90 * 86_400));
    operator.refused("robot add acme/web+ci", "", &["acme/web+ci already"]);

    store.accounts().note_use(robot.id, Duration::from_secs(3600)).await.unwrap();
    let listed = operator.done("robot list", "") + &operator.done("robot list --json", "");
    assert!(listed.contains("LAST USED") && !listed.contains("\"last_used_at\":null"), "{listed}");
    assert!(listed.contains("acme/web+ci") && listed.contains("active"), "{listed}");
    assert!(!listed.contains(&secret) && !listed.contains(&robot.secret_hash), "{listed}");
    assert_eq!(operator.json("user list", ""), json!([]), "a robot is no user");

    let renewed = operator.json("robot renew acme/web+ci --expires 12h", "");
    let other = renewed["secret"].as_str().unwrap();
    assert_ne!(other, secret);
    let robot = store.accounts().get("acme/web+ci").await.unwrap().unwrap();
    assert_eq!(robot.secret_hash, sha256(other.as_bytes()).hex());
    assert!(robot.expires_at.unwrap() < SystemTime::now() + Duration::from_secs(86_400));
    let endless = operator.json("robot renew acme/web+ci --expires never", "");
    assert_eq!(endless["expires_at"], json!(null));
    operator.refused("robot renew acme/web+ci --expires soon", "", &["--expires", "90d"]);
    operator.done("robot remove acme/web+ci", "");
    operator.refused("robot remove acme/web+ci", "", &["no account acme/web+ci"]);
    operator.refused("robot renew acme/web+ci", "", &["no account acme/web+ci"]);
}

#[tokio::test]
async fn a_mistyped_command_gets_one_line() {
    let settings = rig::database().await.settings;
    let operator = Operator::on(&settings);
    operator.refused("usr list", "", &["usr", "user"]);
    operator.refused("user", "", &["user", "subcommand"]);
    operator.refused("user lst", "", &["lst", "list"]);
    operator.refused("user disable", "", &["<NAME>", "missing"]);
    operator.refused("user list --jason", "", &["--jason", "--json"]);
    let help = operator.done("--help", "");
    for noun in ["user", "robot", "grant", "repo"] {
        assert!(help.lines().any(|line| line.trim() == noun), "no {noun} in {help}");
        let verbs = operator.done(&format!("{noun} --help"), "");
        assert!(verbs.contains("list"), "{verbs}");
    }
    assert!(!operator.done("user add --help", "").contains("--password "));
}

#[tokio::test]
async fn the_error_names_a_database_that_does_not_answer() {
    let mut settings = rig::database().await.settings;
    settings.database = "no_such_database".into();
    let operator = Operator::on(&settings);
    operator.refused("user list", "", &["PostgreSQL", "no_such_database", "OPEN_REGISTRY_DB_HOST"]);
}
