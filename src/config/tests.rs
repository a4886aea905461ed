//! Settings as an operator writes them, and the errors in one line.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::telemetry::trace::Sampler;

fn load(env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    with_args(&[], env)
}

fn with_args(args: &[&str], env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let args = std::iter::once("af-registry").chain(args.iter().copied());
    Config::load(args, env.iter().copied())
}

/// The error, which must be one line.
fn refusal(env: &[(&str, &str)]) -> String {
    let line = load(env).unwrap_err().to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

#[test]
fn nothing_set_gives_a_private_registry_on_loopback() {
    let config = load(&[("HOME", "/home/me")]).unwrap();
    assert_eq!(config.listen.host.to_string(), "127.0.0.1");
    assert_eq!((config.listen.port, config.listen.metrics_port), (5000, 9464));
    assert_eq!(config.listen.metrics_repositories, 0);
    assert!(config.listen.metrics);
    assert!(config.postgres.is_none() && config.kubo.is_none());
    assert!(config.access.login == Login::Local && !config.access.allow_sparse_index);
    assert_eq!(config.limits.header_bytes, 65_536);
    assert_eq!(config.limits.header_time, Duration::from_secs(10));
    assert_eq!(config.limits.idle_time, Duration::from_secs(75));
    assert_eq!(config.limits.body_stall, Duration::from_secs(60));
    assert_eq!(config.limits.body_rate, 1024);
    assert_eq!((config.limits.connections, config.limits.uploads), (4096, 64));
    assert_eq!((config.limits.pulls, config.limits.account_pulls), (2048, usize::MAX));
    assert_eq!(config.limits.account_uploads, usize::MAX);
    assert_eq!(config.limits.address_connections, 1024);
    assert!(config.tls.files.is_none() && config.tls.clients.is_none() && !config.tls.http2);
    assert_eq!(config.tls.handshake_time, Duration::from_secs(10));
    assert!(config.tls.redirect_port.is_none() && !config.proxies.protocol);
    assert_eq!(config.limits.manifest_bytes, 4 << 20);
    assert_eq!(config.limits.drain, Duration::from_secs(60));
    assert_eq!(config.limits.drain_delay, Duration::ZERO);
    assert_eq!(config.limits.upload_idle, Duration::from_secs(86_400));
    assert_eq!(config.limits.page, 1000);
    assert_eq!(config.review.window, Duration::from_secs(86_400));
    assert_eq!(config.review.retention.to_string(), "");
    assert!(config.data_dir.is_absolute());
    assert_eq!(config.data_dir_free, 512 << 20);
    assert_eq!(config.cache_bytes, None);
    assert_eq!(config.scrub.rate.unwrap().get(), 4 << 20);
    assert_eq!(config.scrub.age, Duration::from_secs(30 * 86_400));
    assert!(config.scrub.repair.is_none());
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn the_scrub_has_a_rate_and_an_age() {
    let scrub = |env: &[_]| load(env).unwrap().scrub;
    assert!(scrub(&[("OPEN_REGISTRY_SCRUB_RATE", "0")]).rate.is_none());
    let set = scrub(&[
        ("OPEN_REGISTRY_SCRUB_RATE", "1GiB"),
        ("OPEN_REGISTRY_SCRUB_AGE", "7d"),
        ("OPEN_REGISTRY_DFS_IPFS_REPAIR_URL", "http://kubo2"),
    ]);
    assert_eq!(set.rate.unwrap().get(), 1 << 30);
    assert_eq!(set.age, Duration::from_secs(7 * 86_400));
    assert_eq!(set.repair.unwrap().to_string(), "http://kubo2:8080");
    for (name, value) in [
        ("OPEN_REGISTRY_SCRUB_RATE", "1KiB"),
        ("OPEN_REGISTRY_SCRUB_AGE", "7"),
        ("OPEN_REGISTRY_DFS_IPFS_REPAIR_URL", "ftp://kubo2"),
    ] {
        assert!(refusal(&[(name, value)]).contains(name), "{name}");
    }
}

#[test]
fn the_cache_has_a_size_or_is_off() {
    let bytes = |size| load(&[("OPEN_REGISTRY_CACHE_SIZE", size)]).unwrap().cache_bytes;
    assert_eq!((bytes("0"), bytes("1MiB")), (Some(0), Some(1 << 20)));
    for size in ["1KiB", "-1", "2PiB", "much"] {
        let refusal = refusal(&[("OPEN_REGISTRY_CACHE_SIZE", size)]);
        assert!(refusal.contains("OPEN_REGISTRY_CACHE_SIZE"), "{size}: {refusal}");
    }
}

#[test]
fn settings_of_existing_deployments_are_read() {
    let config = load(&[
        ("OPEN_REGISTRY_DOMAIN", "registry.example"),
        ("OPEN_REGISTRY_HOST", "0.0.0.0"),
        ("OPEN_REGISTRY_INSECURE_ANONYMOUS", "true"),
        ("OPEN_REGISTRY_ENVIRONMENT", "production"),
        ("OPEN_REGISTRY_SIGNING_SECRET", "hush hush hush hush"),
        ("OPEN_REGISTRY_SUPPORTED_SERVICES", "token,github"),
        ("OPEN_REGISTRY_DB_HOST", "postgres"),
        ("OPEN_REGISTRY_DB_PORT", "5433"),
        ("OPEN_REGISTRY_DB_USER", "postgres"),
        ("OPEN_REGISTRY_DB_PASSWORD", "hunter2"),
        ("OPEN_REGISTRY_DB_NAME", "open_registry"),
        ("OPEN_REGISTRY_DFS_IPFS_ENABLED", "true"),
        ("OPEN_REGISTRY_DFS_IPFS_API_URL", "http://ipfs:5001"),
        ("OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL", "http://ipfs"),
        ("OPEN_REGISTRY_DFS_IPFS_REPO_DIR", "/data/ipfs"),
        ("OPEN_REGISTRY_DEBUG", "1"),
    ])
    .unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("hush"), "{shown}");
    let postgres = config.postgres.unwrap();
    assert_eq!(postgres.address(), "postgres:5433/open_registry");
    assert_eq!((postgres.user.as_str(), postgres.name.as_str()), ("postgres", "open_registry"));
    assert_eq!(postgres.password.expose(), "hunter2");
    let kubo = config.kubo.unwrap();
    assert_eq!(kubo.api.to_string(), "http://ipfs:5001");
    assert_eq!(kubo.gateway.unwrap().to_string(), "http://ipfs:8080");
    assert_eq!(kubo.repository.unwrap(), Path::new("/data/ipfs"));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn a_flag_wins_and_an_empty_variable_is_not_set() {
    let env = [("OPEN_REGISTRY_PORT", "6000"), ("OPEN_REGISTRY_DB_HOST", "")];
    let config = with_args(&["--port", "7000", "--allow-sparse-index"], &env).unwrap();
    assert_eq!(config.listen.port, 7000);
    assert!(config.access.allow_sparse_index && config.postgres.is_none());
    assert_eq!(load(&env).unwrap().listen.port, 6000);
}

#[test]
fn a_bad_value_is_one_line_with_name_and_reason() {
    assert_eq!(
        refusal(&[("OPEN_REGISTRY_PORT", "http")]),
        "OPEN_REGISTRY_PORT: `http`: not a whole number between 0 and 65535"
    );
    for (name, value) in [
        ("OPEN_REGISTRY_HOST", "registry.example"),
        ("OPEN_REGISTRY_LIMIT_HEADER_TIME", "10"),
        ("OPEN_REGISTRY_LIMIT_HEADER_BYTES", "1KiB"),
        ("OPEN_REGISTRY_LIMIT_BODY_RATE", "2GiB"),
        ("OPEN_REGISTRY_LIMIT_PAGE_SIZE", "0"),
        ("OPEN_REGISTRY_DEBUG", "maybe\nnot"),
        ("OPEN_REGISTRY_LOG_FORMAT", "xml"),
        ("OPEN_REGISTRY_LOG_LEVEL", "loud"),
        ("OPEN_REGISTRY_DOMAIN", "https://registry.example/v2"),
        ("OPEN_REGISTRY_AUTH", "htpasswd"),
        ("OPEN_REGISTRY_TOKEN_LIFE", "10s"),
        ("OPEN_REGISTRY_DB_PORT", "0"),
        ("OPEN_REGISTRY_DB_HOST", "postgres://x"),
        ("OPEN_REGISTRY_DB_HOST", "one,,two"),
        ("OPEN_REGISTRY_DB_HOST", "one,two:port"),
        ("OPEN_REGISTRY_DFS_IPFS_ENABLED", "false"),
        ("OPEN_REGISTRY_DFS_IPFS_API_URL", "ftp://kubo"),
        ("OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL", "kubo"),
        ("OPEN_REGISTRY_METRICS_PORT", "5000"),
        ("OPEN_REGISTRY_GC_WINDOW", "1"),
        ("OPEN_REGISTRY_GC_UNTAGGED", "30d"),
        ("OPEN_REGISTRY_GC_UNTAGGED", "acme*=30d"),
        ("OPEN_REGISTRY_GC_UNTAGGED", "acme/*=soon"),
        ("RUST_LOG", "af_registry=loud"),
    ] {
        let line = refusal(&[(name, value)]);
        assert!(line.starts_with(&format!("{name}: ")), "{line}");
    }
}

#[test]
fn untagged_manifests_are_kept_by_pattern() {
    let config = load(&[
        ("OPEN_REGISTRY_GC_WINDOW", "0"),
        ("OPEN_REGISTRY_GC_UNTAGGED", "acme/*=30d, acme/site=keep,*=0"),
    ]);
    let review = config.unwrap().review;
    assert_eq!(review.window, Duration::ZERO);
    assert_eq!(review.retention.to_string(), "acme/*=30days,acme/site=keep,*=0s");
}

#[test]
fn a_bad_flag_is_one_line_too() {
    for (args, want) in [
        (&["--prot=1"][..], "--port"),
        (&["--port=x"], "--port: `x`"),
        (&["--port"], "--port"),
        (&["serve"], "serve"),
    ] {
        let line = with_args(args, &[]).unwrap_err().to_string();
        assert!(line.contains(want) && !line.contains('\n'), "{line}");
    }
}

#[test]
fn no_secret_is_echoed() {
    let address = ("OPEN_REGISTRY_DFS_IPFS_API_URL", "http://me:hunter2@kubo:5001");
    assert!(!refusal(&[address]).contains("hunter2"));
    let file = ("OPEN_REGISTRY_DB_PASSWORD_FILE", "/nonexistent");
    let both = refusal(&[("OPEN_REGISTRY_DB_PASSWORD", "hunter2"), file]);
    assert!(both.contains("PASSWORD_FILE: OPEN_REGISTRY_DB_PASSWORD is set as well"), "{both}");
    assert!(!both.contains("hunter2"));
}

#[test]
fn a_secret_comes_from_a_file_without_its_last_newline() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter 2\n").unwrap();
    let path = file.path().to_str().unwrap();
    let host = ("OPEN_REGISTRY_DB_HOST", "postgres");
    let config = load(&[host, ("OPEN_REGISTRY_DB_PASSWORD_FILE", path)]).unwrap();
    assert_eq!(config.postgres.unwrap().password.expose(), "hunter 2");
    let config = with_args(&["--db-password-file", path], &[host]).unwrap();
    assert_eq!(config.postgres.unwrap().password.expose(), "hunter 2");
    let missing = refusal(&[("OPEN_REGISTRY_DB_PASSWORD_FILE", "/nonexistent")]);
    assert!(missing.contains("`/nonexistent`"), "{missing}");
}

#[test]
fn only_a_private_registry_on_loopback_has_no_login_by_default() {
    let login = |env: &[(&str, &str)]| load(env).unwrap().access.login;
    let (none, token) = (("OPEN_REGISTRY_AUTH", "none"), ("OPEN_REGISTRY_AUTH", "token"));
    let meant = ("OPEN_REGISTRY_INSECURE_ANONYMOUS", "true");
    let proxies = ("OPEN_REGISTRY_TRUSTED_PROXIES", "127.0.0.1");
    let certificate = ("OPEN_REGISTRY_TLS_CERT_FILE", "/c");
    for others in [
        &[("OPEN_REGISTRY_HOST", "0.0.0.0")][..],
        &[("OPEN_REGISTRY_HOST", "::")],
        &[("OPEN_REGISTRY_HOST", "10.0.0.1")],
        &[("OPEN_REGISTRY_DOMAIN", "registry.example")],
        &[("OPEN_REGISTRY_DOMAIN", "https://registry.example")],
        &[("OPEN_REGISTRY_DOMAIN", "https://registry.example"), proxies],
        &[proxies],
        &[proxies, ("OPEN_REGISTRY_PROXY_PROTOCOL", "true")],
        &[certificate, ("OPEN_REGISTRY_TLS_KEY_FILE", "/k")],
        &[("OPEN_REGISTRY_TLS_CLIENT_CA_FILE", "/ca")],
        &[("OPEN_REGISTRY_HTTP_REDIRECT_PORT", "80")],
        &[("OPEN_REGISTRY_ACME_DOMAIN", "registry.example")],
        &[("OPEN_REGISTRY_ADMIN_USER", "ann")],
        &[("OPEN_REGISTRY_ADMIN_PASSWORD", "correct horse")],
    ] {
        let with = |more: &[(&'static str, &'static str)]| [others, more].concat();
        assert_eq!(login(others), Login::Token, "{others:?}");
        let line = refusal(&with(&[none]));
        assert!(line.starts_with("OPEN_REGISTRY_AUTH: "), "{line}");
        assert!(line.contains("OPEN_REGISTRY_INSECURE_ANONYMOUS=true"), "{line}");
        assert_eq!(login(&with(&[none, meant])), Login::Anyone, "{others:?}");
        assert_eq!(login(&with(&[meant])), Login::Anyone, "{others:?}");
        assert_eq!(login(&with(&[token, meant])), Login::Token, "{others:?}");
    }
    for host in ["127.0.0.1", "127.8.8.8", "::1", "localhost", "::ffff:127.0.0.1"] {
        let host = ("OPEN_REGISTRY_HOST", host);
        let given = ("OPEN_REGISTRY_DB_HOST", "postgres");
        let here = ("OPEN_REGISTRY_DOMAIN", "localhost:5000");
        assert_eq!(login(&[host]), Login::Local);
        assert_eq!(login(&[host, here]), Login::Local);
        assert_eq!(login(&[host, token]), Login::Token);
        assert_eq!(login(&[host, given]), Login::Token);
        assert_eq!(login(&[host, given, none]), Login::Local);
    }
}

#[test]
fn quotas_are_off_unless_they_are_set() {
    let limits = load(&[]).unwrap().limits;
    assert_eq!(
        (limits.blob_bytes, limits.namespace_bytes, limits.namespace_repositories),
        (None, None, None)
    );
    assert_eq!(load(&[]).unwrap().access.refresh_tokens, 1000);
    let set = load(&[
        ("OPEN_REGISTRY_LIMIT_BLOB_BYTES", "10GiB"),
        ("OPEN_REGISTRY_LIMIT_NAMESPACE_BYTES", "1024GiB"),
        ("OPEN_REGISTRY_LIMIT_NAMESPACE_REPOSITORIES", "50"),
        ("OPEN_REGISTRY_LIMIT_REFRESH_TOKENS", "50"),
    ]);
    let (limits, access) = set.map(|set| (set.limits, set.access)).unwrap();
    assert_eq!((limits.blob_bytes, limits.namespace_bytes), (Some(10 << 30), Some(1 << 40)));
    assert_eq!((limits.namespace_repositories, access.refresh_tokens), (Some(50), 50));
    for name in [
        "OPEN_REGISTRY_LIMIT_BLOB_BYTES",
        "OPEN_REGISTRY_LIMIT_NAMESPACE_BYTES",
        "OPEN_REGISTRY_LIMIT_NAMESPACE_REPOSITORIES",
        "OPEN_REGISTRY_LIMIT_REFRESH_TOKENS",
    ] {
        for bad in ["0", "many", "-1"] {
            assert!(refusal(&[(name, bad)]).starts_with(&format!("{name}: ")), "{bad}");
        }
    }
}

#[test]
fn not_everyone_is_a_proxy() {
    for everyone in ["0.0.0.0/0", "::/0", "10.0.0.0/8,0.0.0.0/0", "192.0.2.7/0"] {
        let line = refusal(&[("OPEN_REGISTRY_TRUSTED_PROXIES", everyone)]);
        assert!(line.starts_with("OPEN_REGISTRY_TRUSTED_PROXIES: "), "{line}");
        assert!(line.contains("every client"), "{line}");
    }
    assert!(load(&[("OPEN_REGISTRY_TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8")]).is_ok());
}

#[test]
fn revocation_lists_need_their_authorities() {
    let lists = ("OPEN_REGISTRY_TLS_CLIENT_CRL_FILE", "/clients.crl");
    let line = refusal(&[lists]);
    assert!(line.starts_with("OPEN_REGISTRY_TLS_CLIENT_CA_FILE: "), "{line}");
    let authorities = ("OPEN_REGISTRY_TLS_CLIENT_CA_FILE", "/ca.pem");
    let clients = load(&[lists, authorities]).unwrap().tls.clients.unwrap();
    assert_eq!(clients.revocations, Some(PathBuf::from("/clients.crl")));
}

#[test]
fn a_domain_may_have_a_scheme_and_a_port() {
    let domain = |text| load(&[("OPEN_REGISTRY_DOMAIN", text)]).unwrap().listen.domain.unwrap();
    let expected = |host: &str, https| Domain { host: host.to_owned(), https };
    assert_eq!(domain("Registry.example:8443"), expected("registry.example:8443", None));
    assert_eq!(domain("https://registry.example"), expected("registry.example", Some(true)));
    assert_eq!(domain("http://[::1]:5000"), expected("[::1]:5000", Some(false)));
}

#[test]
fn a_short_signing_secret_is_refused_if_there_is_a_login() {
    let short = ("OPEN_REGISTRY_SIGNING_SECRET", "hush");
    let line = refusal(&[short, ("OPEN_REGISTRY_AUTH", "token")]);
    assert!(line.starts_with("OPEN_REGISTRY_SIGNING_SECRET: ") && !line.contains("hush"), "{line}");
    assert!(load(&[short]).is_ok());
}

#[test]
fn a_setting_without_effect_is_a_warning() {
    let warnings = |env: &[(&str, &str)]| load(env).unwrap().warnings.join("|");
    assert_eq!(
        warnings(&[("OPEN_REGISTRY_PROT", "1"), ("OPEN_REGISTERY_PORT", "1")]),
        "OPEN_REGISTRY_PROT is not a setting; did you mean OPEN_REGISTRY_PORT?"
    );
    let file = warnings(&[("OPEN_REGISTRY_DB_PASWORD_FILE", "x")]);
    assert!(file.contains("OPEN_REGISTRY_DB_PASSWORD_FILE?"), "{file}");
    let odd = warnings(&[("OPEN_REGISTRY_ZZZ", "1")]);
    assert!(odd.contains("--help"), "{odd}");
    let idle = warnings(&[("OPEN_REGISTRY_DB_USER", "me"), ("OPEN_REGISTRY_DB_PASSWORD", "x")]);
    assert!(idle.contains("DB_USER, OPEN_REGISTRY_DB_PASSWORD has no effect"), "{idle}");
    let idle = warnings(&[("OPEN_REGISTRY_DFS_IPFS_GATEWAY_URL", "http://kubo")]);
    assert!(idle.contains("API_URL"), "{idle}");
}

#[test]
fn help_lists_all_settings_and_nothing_else() {
    let Err(ConfigError::Asked(help)) = with_args(&["--help"], &[]) else { panic!("no help") };
    for setting in GROUPS.iter().flat_map(|group| group.settings) {
        assert!(help.contains(setting.env), "{}", setting.env);
        assert!(help.contains(&format!("--{}", setting.flag())), "{}", setting.flag());
    }
    for line in help.lines().filter_map(|line| line.trim_start().strip_prefix("--")) {
        let flag = line.split([' ', '[', '=']).next().unwrap();
        let mut settings = GROUPS.iter().flat_map(|group| group.settings);
        assert!(settings.any(|setting| setting.flag() == flag), "--{flag}");
    }
    assert!(help.contains("[default: 5000]") && help.contains("PostgreSQL:"));
    assert!(matches!(with_args(&["--version"], &[]), Err(ConfigError::Asked(_))));
}

#[test]
fn the_default_of_sslmode_depends_on_the_host() {
    let mode = |host: &str, env: &[(&str, &str)]| {
        let env: Vec<_> = env.iter().copied().chain([("OPEN_REGISTRY_DB_HOST", host)]).collect();
        load(&env).map(|config| config.postgres.unwrap().ssl)
    };
    for here in ["/run/postgresql", "127.0.0.1", "::1", "localhost"] {
        assert_eq!(mode(here, &[]).unwrap(), SslMode::Disable, "{here}");
    }
    assert_eq!(mode("postgres", &[]).unwrap(), SslMode::Prefer);
    assert_eq!(mode("localhost,/run/postgresql", &[]).unwrap(), SslMode::Disable);
    assert_eq!(mode("localhost,postgres", &[]).unwrap(), SslMode::Prefer);
    let given = ("OPEN_REGISTRY_DB_SSLMODE", "require");
    assert_eq!(mode("localhost", &[given]).unwrap(), SslMode::Require);
    assert!(mode("/run/postgresql", &[given]).unwrap_err().to_string().contains("Unix socket"));
    let full = ("OPEN_REGISTRY_DB_SSLMODE", "verify-full");
    let file = ("OPEN_REGISTRY_DB_SSLROOTCERT", "/ca.pem");
    let authorities = Some(PathBuf::from("/ca.pem"));
    assert_eq!(mode("postgres", &[full, file]).unwrap(), SslMode::VerifyFull { authorities });
    assert!(mode("postgres", &[given, file]).unwrap_err().to_string().contains("verify-full"));
    for bad in ["verify-ca", "allow", "on"] {
        let told = refusal(&[("OPEN_REGISTRY_DB_SSLMODE", bad)]);
        assert!(told.starts_with("OPEN_REGISTRY_DB_SSLMODE: ") && told.contains("verify-full"));
    }
}

#[test]
fn several_hosts_of_postgresql_have_one_port_or_one_each() {
    let address = |hosts: &str, ports: &str| {
        let env = [("OPEN_REGISTRY_DB_HOST", hosts), ("OPEN_REGISTRY_DB_PORT", ports)];
        load(&env).map(|config| config.postgres.unwrap().address())
    };
    for (hosts, ports, servers) in [
        ("db", "5432", "db:5432"),
        ("db:6000", "5432", "db:6000"),
        ("one,two", "5433", "one:5433,two:5433"),
        ("one, two:5434", "5433", "one:5433,two:5434"),
        ("one,two,three:7", "1,2,3", "one:1,two:2,three:7"),
        ("::1,[::2]:5, [::3]", "5432", "::1:5432,::2:5,::3:5432"),
        ("/run/a:b,10.0.0.1:5", "5432", "/run/a:b:5432,10.0.0.1:5"),
    ] {
        assert_eq!(address(hosts, ports).unwrap(), format!("{servers}/af_registry"));
    }
    let told = address("one,two", "1,2,3").unwrap_err().to_string();
    assert!(told.contains("3 ports for 2 hosts"), "{told}");
}

#[test]
fn a_cluster_needs_the_kubo_of_a_peer_and_nobody_who_collects_it() {
    let api = ("OPEN_REGISTRY_DFS_IPFS_API_URL", "http://127.0.0.1:5001");
    let cluster = ("OPEN_REGISTRY_DFS_IPFS_CLUSTER_URL", "http://127.0.0.1");
    let config = load(&[api, cluster]).unwrap();
    assert_eq!(config.kubo.unwrap().cluster.unwrap().port, 9095);
    let idle = load(&[cluster]).unwrap().warnings.concat();
    assert!(idle.contains("CLUSTER_URL has no effect without"), "{idle}");
    let collected = ("OPEN_REGISTRY_DFS_IPFS_GC", "true");
    assert!(load(&[api, collected]).unwrap().collection.external);
    let line = refusal(&[api, cluster, collected]);
    assert!(line.starts_with("OPEN_REGISTRY_DFS_IPFS_GC: `true`, but"), "{line}");
}

#[test]
fn credentials_for_kubo_must_be_complete_and_need_tls() {
    let api = |url: &'static str| ("OPEN_REGISTRY_DFS_IPFS_API_URL", url);
    let token = ("OPEN_REGISTRY_DFS_IPFS_API_TOKEN", "hunter2");
    let user = ("OPEN_REGISTRY_DFS_IPFS_API_USER", "me");
    let password = ("OPEN_REGISTRY_DFS_IPFS_API_PASSWORD", "hunter2");
    let far = api("https://kubo.example");
    for near in ["http://127.0.0.1:5001", "http://localhost", "http://[::1]"] {
        let kubo = load(&[api(near), token]).unwrap().kubo.unwrap();
        assert_eq!(kubo.login, Some(KuboLogin::Token(Secret::new("hunter2"))), "{near}");
    }
    let kubo = load(&[far, user, password]).unwrap().kubo.unwrap();
    let basic = KuboLogin::Basic { user: "me".into(), password: Secret::new("hunter2") };
    assert_eq!((kubo.login, kubo.api.https, kubo.api.port), (Some(basic), true, 443));
    let file = ("OPEN_REGISTRY_DFS_IPFS_CA_FILE", "/ca.pem");
    for (env, named) in [
        (&[api("http://kubo:5001"), token][..], "API_URL"),
        (&[api("http://10.0.0.7:5001"), user, password], "API_URL"),
        (&[far, token, user, password], "API_TOKEN"),
        (&[far, token, password], "API_TOKEN"),
        (&[far, user], "API_PASSWORD"),
        (&[far, password], "API_USER"),
        (&[far, ("OPEN_REGISTRY_DFS_IPFS_API_TOKEN", "hunter2\n")], "API_TOKEN"),
        (&[far, ("OPEN_REGISTRY_DFS_IPFS_API_USER", "a:b"), password], "API_USER"),
        (&[api("http://127.0.0.1"), file], "CA_FILE"),
    ] {
        let line = refusal(env);
        assert!(line.starts_with(&format!("OPEN_REGISTRY_DFS_IPFS_{named}: ")), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
    let idle = load(&[token]).unwrap().warnings.join("|");
    assert!(idle.contains("API_TOKEN has no effect"), "{idle}");
}

#[test]
fn acme_orders_a_list_of_public_names() {
    let acme = |name: &'static str, value: &'static str| match name {
        "DOMAIN" => ("OPEN_REGISTRY_ACME_DOMAIN", value),
        "CONTACT" => ("OPEN_REGISTRY_ACME_CONTACT", value),
        _ => ("OPEN_REGISTRY_ACME_DIRECTORY_URL", value),
    };
    let contact = acme("CONTACT", "me@example.com, mailto:you@example.com");
    let ordered = load(&[acme("DOMAIN", "B.example, a.example,b.example"), contact]).unwrap();
    let ordered = ordered.acme.unwrap();
    assert_eq!(ordered.names, ["a.example", "b.example"]);
    assert_eq!(ordered.contacts, ["mailto:me@example.com", "mailto:you@example.com"]);
    assert_eq!(ordered.directory, "https://acme-v02.api.letsencrypt.org/directory");
    let public = acme("DOMAIN", "a.example");
    for bad in
        ["localhost", "*.a.example", "a.example:443", "https://a.example", "10.0.0.7", "a..b", ","]
    {
        assert!(
            refusal(&[acme("DOMAIN", bad)]).starts_with("OPEN_REGISTRY_ACME_DOMAIN: "),
            "{bad}"
        );
    }
    for bad in [acme("CONTACT", "me"), acme("URL", "http://a.example/dir"), acme("URL", "https://")]
    {
        assert!(refusal(&[public, bad]).starts_with(bad.0), "{bad:?}");
    }
    let files = [("OPEN_REGISTRY_TLS_CERT_FILE", "/c"), ("OPEN_REGISTRY_TLS_KEY_FILE", "/k")];
    assert!(refusal(&[public, files[0], files[1]]).contains("keep one"));
    let idle = load(&[contact]).unwrap();
    assert!(idle.acme.is_none() && idle.warnings[0].contains("ACME_CONTACT has no effect"));
}

#[test]
fn few_repositories_are_named_in_metrics() {
    assert!(!load(&[("OPEN_REGISTRY_METRICS", "false")]).unwrap().listen.metrics);
    assert!(refusal(&[("OPEN_REGISTRY_METRICS", "off")]).contains("true or false"));
    let named = |count| load(&[("OPEN_REGISTRY_METRICS_REPOSITORIES", count)]);
    assert_eq!(named("1000").unwrap().listen.metrics_repositories, 1000);
    assert!(
        refusal(&[("OPEN_REGISTRY_METRICS_REPOSITORIES", "1001")]).contains("METRICS_REPOSITORIES")
    );
}

#[test]
fn traces_are_off_until_a_collector_is_named() {
    let traces = |env: &[(&str, &str)]| load(env).unwrap().traces;
    assert!(traces(&[]).is_none());
    // Settings of other programs on the same machine must not keep the server from starting.
    assert!(
        traces(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_TRACES_SAMPLER", "x")]).is_none()
    );
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318");
    assert!(traces(&[endpoint, ("OTEL_SDK_DISABLED", "true")]).is_none());
    let plain = traces(&[endpoint]).unwrap();
    assert_eq!((plain.path.as_str(), plain.sampler), ("/v1/traces", Sampler::ParentOr(1.0)));
    assert_eq!(plain.resource[0], ("service.name".to_owned(), "af-registry".to_owned()));
    let full = traces(&[
        endpoint,
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://other/in"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2"),
        ("OTEL_SERVICE_NAME", "images"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,region=eu"),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
    ]);
    let full = full.unwrap();
    assert_eq!((full.path.as_str(), full.collector.port), ("/in", 443));
    assert_eq!(full.sampler, Sampler::Ratio(0.5));
    let resource: Vec<_> = full.resource.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(resource[..2], [("service.name", "images"), ("region", "eu")]);
    assert!(!format!("{full:?}").contains("hunter2"));
    for (name, value, word) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "4318"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "from 0 to 1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2", "name=value"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "otel:4318", "http://"),
    ] {
        let refused = refusal(&[endpoint, (name, value)]);
        assert!(refused.contains(word) && refused.contains(name), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}
