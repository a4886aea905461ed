//! Logins with name and password, and their limits.

use std::time::Instant;

use af_registry::accounts::{new_robot_secret, robot_secret_hash};

use super::*;

/// Waits until the use of an account is noted.
async fn noted(place: &Place, name: &str) -> SystemTime {
    let began = Instant::now();
    loop {
        let account = place.database.store.accounts().get(name).await.unwrap().unwrap();
        if let Some(at) = account.last_used_at {
            return at;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the use of {name} is not noted");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_use_of_an_account_is_noted_once_an_hour() {
    let place = place().await;
    let store = &place.database.store;
    for name in ["basic", "token", "certified", "idle"] {
        place.user(name, "password", "*", Role::Pull).await;
    }
    basic(&place.auth, "basic", "password").await.unwrap();
    place.issue(password("token", "password"), "").await.unwrap();
    place.auth.identify_certified("certified").await.unwrap();
    basic(&place.auth, "idle", "wrong").await.unwrap_err();
    for name in ["basic", "token", "certified"] {
        noted(&place, name).await;
    }
    let account = async |name: &str| store.accounts().get(name).await.unwrap().unwrap();
    assert_eq!(account("idle").await.last_used_at, None);
    let hour = Duration::from_secs(3600);
    assert!(!store.accounts().note_use(account("basic").await.id, hour).await.unwrap());
    let pass = "UPDATE accounts SET last_used_at = last_used_at - INTERVAL '2 hours'";
    place.database.admin.execute(pass, &[]).await.unwrap();
    assert!(store.accounts().note_use(account("basic").await.id, hour).await.unwrap());
    // A refresh token counts as well, on an instance that has not noted the account yet.
    let issued = issue(&place.auth, password("token", "password"), "", true).await.unwrap();
    let forget = "UPDATE accounts SET last_used_at = NULL";
    place.database.admin.execute(forget, &[]).await.unwrap();
    let other = place.another(settings()).await.unwrap();
    issue(&other, refresh(&issued.refresh_token.unwrap()), "", false).await.unwrap();
    noted(&place, "token").await;
}

#[tokio::test]
async fn every_wrong_login_gets_the_same_answer() {
    let place = place().await;
    let (auth, store) = (&place.auth, &place.database.store);
    place.user("me", "password", "*", Role::Pull).await;
    place.user("gone", "password", "*", Role::Pull).await;
    store.accounts().set_disabled("gone", true).await.unwrap();
    let secret = new_robot_secret();
    let hash = robot_secret_hash(&secret);
    let short = Some(Duration::from_millis(1));
    store.accounts().add_robot("robot", "a", &hash, None).await.unwrap();
    store.accounts().add_robot("expired", "a", &hash, short).await.unwrap();
    let long = "x".repeat(5000);
    for (user, password) in [
        ("me", "Password"),
        ("me", ""),
        ("ME", "password"),
        ("me ", "password"),
        ("nobody", "password"),
        ("", "password"),
        ("m\0e", "password"),
        ("me", "password\0"),
        (&long, "password"),
        ("me", &long),
        ("gone", "password"),
        ("robot", "password"),
        // The stored hash of a secret does not work as the secret.
        ("robot", &hash),
        ("me", secret.expose()),
        ("expired", secret.expose()),
    ] {
        assert!(is_wrong(&basic(auth, user, password).await), "{user:.20} {password:.20}");
        let login = super::password(user, password);
        assert!(is_wrong(&place.issue(login, "").await), "{user:.20} {password:.20}");
    }
    for (user, password) in [("me", "password"), ("robot", secret.expose())] {
        for _ in 0..2 {
            let caller = basic(auth, user, password).await.unwrap();
            assert_eq!(caller.subject(), user);
            assert!(is_live(auth, &caller).await);
        }
    }
}

#[tokio::test]
async fn a_remembered_login_has_no_rights_once_its_account_is_disabled() {
    let place = place().await;
    let (auth, store) = (&place.auth, &place.database.store);
    place.user("me", "password", "*", Role::Push).await;
    let caller = basic(auth, "me", "password").await.unwrap();
    assert!(may(auth, &caller, Action::Push, "a").await);
    store.accounts().set_disabled("me", true).await.unwrap();
    let remembered = basic(auth, "me", "password").await.unwrap();
    assert!(!is_live(auth, &remembered).await);
    assert!(!may(auth, &remembered, Action::Push, "a").await);
    // The request for a token finds that the account has changed, and the login is forgotten.
    assert!(is_wrong(&place.issue(password("me", "password"), "").await));
    assert!(is_wrong(&basic(auth, "me", "password").await));
}

#[tokio::test]
async fn a_user_name_with_too_many_failures_is_refused_for_a_while() {
    let limits = LoginLimits { user_failures: 3, address_failures: 100, tokens: 0 };
    let place = place_with(Settings { limits, ..settings() }).await;
    let auth = &place.auth;
    place.user("me", "password", "*", Role::Pull).await;
    place.user("you", "password", "*", Role::Pull).await;
    for n in 0..3 {
        assert!(is_wrong(&basic(auth, "me", &format!("guess {n}")).await));
    }
    // Even the right password is refused, because the answer would tell a guesser that it is right.
    for guess in ["guess", "password"] {
        let refused = basic(auth, "me", guess).await;
        assert!(matches!(refused, Err(AuthError::TooMany { .. })), "{refused:?}");
    }
    // Elsewhere the name is free, until it failed ten times as often from all addresses together. It earns an attempt
    // every two seconds meanwhile.
    let mut heard = 0;
    loop {
        let guess = from(auth, &format!("198.51.100.{heard}"), "me", "guess").await;
        if matches!(guess, Err(AuthError::TooMany { .. })) {
            break;
        }
        assert!(is_wrong(&guess), "{guess:?}");
        heard += 1;
    }
    assert!(heard >= 27, "{heard}");
    basic(auth, "you", "password").await.unwrap();
    // A remembered login still works after too many failures under its name.
    for n in 0..5 {
        let _ = basic(auth, "you", &format!("guess {n}")).await;
    }
    basic(auth, "you", "password").await.unwrap();
}

#[tokio::test]
async fn guesses_under_its_name_do_not_keep_a_robot_out() {
    let limits = LoginLimits { user_failures: 1, address_failures: 100, tokens: 0 };
    let place = place_with(Settings { limits, ..settings() }).await;
    let secret = new_robot_secret();
    let hash = robot_secret_hash(&secret);
    place.database.store.accounts().add_robot("robot", "a", &hash, None).await.unwrap();
    // One after another, each from the first address until that is refused, and then from others.
    for n in 0..20 {
        let guess = from(&place.auth, &format!("198.51.100.{}", n / 2), "robot", "guess").await;
        assert!(guess.is_err(), "{guess:?}");
    }
    for address in ["192.0.2.1", "198.51.100.1"] {
        let caller = from(&place.auth, address, "robot", secret.expose()).await.unwrap();
        assert_eq!(caller.subject(), "robot");
    }
}

#[tokio::test]
async fn an_address_with_too_many_failures_is_refused_with_any_login() {
    let limits = LoginLimits { user_failures: 0, address_failures: 3, tokens: 0 };
    let place = place_with(Settings { limits, ..settings() }).await;
    place.user("me", "password", "*", Role::Pull).await;
    for n in 0..2 {
        assert!(is_wrong(&basic(&place.auth, &format!("user {n}"), "x").await));
    }
    assert!(is_wrong(&place.issue(refresh("x"), "").await));
    for login in [password("me", "password"), refresh("x")] {
        assert!(matches!(place.issue(login, "").await, Err(AuthError::TooMany { .. })));
    }
    place.issue(Login::Anonymous, "").await.unwrap();
}

#[tokio::test]
async fn tokens_per_account_and_address_are_limited() {
    let limits = LoginLimits { user_failures: 0, address_failures: 0, tokens: 2 };
    let place = place_with(Settings { limits, ..settings() }).await;
    place.user("me", "password", "*", Role::Pull).await;
    for login in [password("me", "password"), Login::Anonymous] {
        for _ in 0..2 {
            place.issue(login.clone(), "").await.unwrap();
        }
        assert!(matches!(place.issue(login, "").await, Err(AuthError::TooMany { .. })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_equal_logins_are_checked_once() {
    let limits = LoginLimits { user_failures: 3, address_failures: 3, tokens: 0 };
    let place = place_with(Settings { limits, ..settings() }).await;
    place.user("me", "password", "*", Role::Pull).await;
    // If each were checked by itself, all but the first few would exceed the limit.
    let same = at_once(&place.auth, vec!["guess".to_owned(); 20]).await;
    assert!(same.iter().all(is_wrong), "{same:?}");
    let same = at_once(&place.auth, vec!["password".to_owned(); 20]).await;
    assert!(same.iter().all(Result::is_ok), "{same:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_guesses_do_not_exceed_the_limit() {
    let limits = LoginLimits { user_failures: 3, address_failures: 0, tokens: 0 };
    let place = place_with(Settings { limits, ..settings() }).await;
    place.user("me", "password", "*", Role::Pull).await;
    let guesses = (0..1000).map(|n| format!("guess {n}")).collect();
    let answers = at_once(&place.auth, guesses).await;
    let heard = answers.iter().filter(|answer| is_wrong(answer)).count();
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!((3..3 + cores).contains(&heard), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_counts_even_if_the_client_hangs_up() {
    let limits = LoginLimits { user_failures: 1, address_failures: 0, tokens: 0 };
    let place = place_with(Settings { limits, ..settings() }).await;
    place.user("me", "password", "*", Role::Pull).await;
    {
        let mut guess = std::pin::pin!(basic(&place.auth, "me", "guess"));
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(guess.as_mut().poll(cx)));
        assert!(polled.await.is_pending());
    }
    // The next guess waits until the first one is done, or finds it counted already.
    for n in 0.. {
        match basic(&place.auth, "me", &format!("guess {n}")).await {
            Err(AuthError::TooMany { .. }) => break,
            answer => assert!(n < 2 && is_wrong(&answer), "{answer:?}"),
        }
    }
}

async fn at_once(auth: &Auth, passwords: Vec<String>) -> Vec<Result<Caller, AuthError>> {
    let login = |password: String| {
        let auth = auth.clone();
        tokio::spawn(async move { basic(&auth, "me", &password).await })
    };
    let mut answers = Vec::new();
    for call in passwords.into_iter().map(login).collect::<Vec<_>>() {
        answers.push(call.await.unwrap());
    }
    answers
}
