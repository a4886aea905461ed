//! Measures how long logins take, and checks that all failed logins take the same time, whatever the reason. Needs the
//! programs of PostgreSQL. Run: `cargo bench --bench login`.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/it/rig/authority.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod authority;
#[path = "../tests/it/rig/postgres.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod postgres;

use std::hint::black_box;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use af_registry::accounts::{hash_password, new_robot_secret, robot_secret_hash};
use af_registry::auth::{
    Auth, AuthError, Caller, Credentials, Issued, Login, LoginLimits, Settings, TokenRequest,
};
use af_registry::config::Secret;
use af_registry::rights::Role;
use af_registry::rights::Scope;
use af_registry::seal::SigningSecret;
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;

const PASSWORD: &str = "correct horse battery staple";
const ROUNDS: usize = 200;
const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Makes a user, a disabled user and a robot, without limits of logins. Returns the secret of the robot.
async fn open() -> (Auth, Secret) {
    let database = postgres::database().await;
    let store = database.store.clone();
    for name in ["user", "disabled"] {
        let hash = hash_password(&Secret::new(PASSWORD)).await.unwrap();
        store.accounts().add_user(name, &hash).await.unwrap();
        store.grants().add(name, &"*".parse().unwrap(), Role::Admin).await.unwrap();
    }
    store.accounts().set_disabled("disabled", true).await.unwrap();
    let secret = new_robot_secret();
    let hash = robot_secret_hash(&secret);
    store.accounts().add_robot("robot", "a", &hash, None).await.unwrap();
    let settings = Settings {
        secret: SigningSecret::new(Secret::new("0123456789abcdef")).unwrap(),
        issuer: "registry.test".into(),
        service: "registry.test".into(),
        token_life: Duration::from_secs(900),
        refresh_token_life: Duration::from_secs(3600),
        refresh_tokens: 1000,
        limits: LoginLimits { user_failures: 0, address_failures: 0, tokens: 0 },
    };
    (Auth::open(store, settings).await.unwrap(), secret)
}

async fn basic(auth: &Auth, user: &str, password: &str) -> Result<Caller, AuthError> {
    let (user, password) = (user.into(), Secret::new(password));
    auth.identify(&Credentials::Basic { user, password }, CLIENT).await
}

async fn issue(auth: &Auth, login: Login, scope: &str) -> Issued {
    let scopes = Scope::parse_all(scope).collect();
    let request = TokenRequest { login, scopes, offline: false, client_id: "bench".into() };
    auth.tokens().unwrap().issue(request, CLIENT).await.unwrap()
}

/// Times failed logins that a stranger must not tell apart. They take turns, so that other load slows all equally.
fn refused(runtime: &Runtime, auth: &Auth) {
    let logins = [
        ("unknown user", "nobody", PASSWORD),
        ("wrong password", "user", "wrong"),
        ("disabled user", "disabled", PASSWORD),
        ("wrong robot secret", "robot", PASSWORD),
    ];
    let mut took = logins.map(|_| Vec::new());
    for turn in 0..ROUNDS * logins.len() {
        // The order alternates, because threads and their memory take turns too.
        let which = (turn + turn / logins.len()) % logins.len();
        let (_, user, password) = logins[which];
        let began = Instant::now();
        runtime.block_on(basic(auth, user, password)).unwrap_err();
        took[which].push(began.elapsed());
    }
    for (took, (name, ..)) in took.iter_mut().zip(logins) {
        took.sort_unstable();
        println!("login refused/{name:<20} median of {ROUNDS}: {:?}", took[ROUNDS / 2]);
    }
}

fn identified(c: &mut Criterion, runtime: &Runtime, auth: &Auth, secret: &Secret) {
    let mut group = c.benchmark_group("identify");
    for (name, user, password) in
        [("basic, remembered", "user", PASSWORD), ("robot, remembered", "robot", secret.expose())]
    {
        group.bench_function(name, |b| {
            b.iter(|| runtime.block_on(basic(auth, user, black_box(password))).unwrap());
        });
    }
    let login = Login::Password { user: "user".into(), password: Secret::new(PASSWORD) };
    let token = runtime.block_on(issue(auth, login, "repository:a/b:pull,push")).token;
    group.bench_function("token, remembered", |b| {
        b.iter(|| {
            let bearer = Credentials::Bearer(black_box(&token).clone());
            runtime.block_on(auth.identify(&bearer, CLIENT)).unwrap()
        });
    });
    group.bench_function("token, verified", |b| {
        b.iter(|| runtime.block_on(auth.tokens().unwrap().verify(black_box(&token))).unwrap());
    });
    group.finish();
}

fn issued(c: &mut Criterion, runtime: &Runtime, auth: &Auth) {
    let mut group = c.benchmark_group("issue");
    let login = Login::Password { user: "user".into(), password: Secret::new(PASSWORD) };
    for (name, login, scope) in [
        ("to nobody, no scope (signature alone)", Login::Anonymous, ""),
        ("to nobody, one scope", Login::Anonymous, "repository:a/b:pull"),
        ("to a user, one scope", login, "repository:a/b:pull,push"),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| runtime.block_on(issue(auth, login.clone(), scope)));
        });
    }
    group.finish();
}

fn login(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (auth, secret) = runtime.block_on(open());
    identified(c, &runtime, &auth, &secret);
    issued(c, &runtime, &auth);
    refused(&runtime, &auth);
}

criterion_group!(benches, login);
criterion_main!(benches);
