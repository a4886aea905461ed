//! The OCI conformance program, with everything switched on.

use crate::access::PASSWORD;
use crate::clients::login::guarded;
use crate::rig::authority::Authority;
use crate::rig::program::{Home, find};
use crate::rig::server::{Server, builder};

/// Every API and every kind of data that the program knows. A version of it that knows more shows up as a setting that is
/// off in its report.
const OPTIONS: [&str; 31] = [
    "API_PING",
    "API_PULL",
    "API_PUSH",
    "API_BLOBS_ATOMIC",
    "API_BLOBS_DELETE",
    "API_BLOBS_DIGEST_HEADER",
    "API_BLOBS_MOUNT_ANONYMOUS",
    "API_BLOBS_UPLOAD_CANCEL",
    "API_MANIFESTS_ATOMIC",
    "API_MANIFESTS_DELETE",
    "API_MANIFESTS_DIGEST_HEADER",
    "API_MANIFESTS_TAG_PARAM",
    "API_TAGS_ATOMIC",
    "API_TAGS_DELETE",
    "API_TAGS_LIST",
    "API_REFERRER",
    "DATA_IMAGE",
    "DATA_INDEX",
    "DATA_INDEX_LIST",
    "DATA_SPARSE",
    "DATA_ARTIFACT",
    "DATA_SUBJECT",
    "DATA_SUBJECT_MISSING",
    "DATA_ARTIFACT_LIST",
    "DATA_SUBJECT_LIST",
    "DATA_DATA_FIELD",
    "DATA_NONDISTRIBUTABLE",
    "DATA_CUSTOM_FIELDS",
    "DATA_NO_LAYERS",
    "DATA_EMPTY_BLOB",
    "DATA_SHA512",
];

/// Cases that may be skipped or disabled: the start of the name, and why.
const EXCUSED: [(&str, &str); 0] = [];

/// How many cases pass at least: fewer means that the program did not do its work.
const PASSED: usize = 1032;

#[tokio::test]
async fn the_conformance_program_finds_nothing() {
    let server = builder().await.env("OPEN_REGISTRY_ALLOW_SPARSE_INDEX", "true").start().await;
    finds_nothing(&server, &[("OCI_TLS", "disabled")]);
}

#[tokio::test]
async fn the_conformance_program_finds_nothing_by_tls_and_login() {
    let authority = Authority::new();
    let server = guarded(&authority).await;
    let login = [("OCI_USERNAME", "root"), ("OCI_PASSWORD", PASSWORD)];
    let tls = [("OCI_TLS", "enabled"), ("SSL_CERT_FILE", authority.file_text())];
    finds_nothing(&server, &[login, tls].concat());
}

/// Runs the program with everything switched on and these settings.
fn finds_nothing(server: &Server, settings: &[(&str, &str)]) {
    let home = Home::new();
    let mut command = home.command(find("conformance"));
    command
        .env("OCI_REGISTRY", server.host())
        .envs(settings.iter().copied())
        .env("OCI_VERSION", "dev")
        .env("OCI_RESULTS_DIR", home.path("results"))
        .envs(OPTIONS.map(|option| (format!("OCI_{option}"), "true")));
    // Its status says little: a run that could not even start ends with 0.
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    let read = |name: &str| {
        std::fs::read_to_string(home.path("results").join(name))
            .unwrap_or_else(|e| panic!("{name}: {e}\n{said}\n{complaint}"))
    };

    let settings = read("results.yaml");
    let off: Vec<&str> = settings.lines().filter(|line| line.ends_with(": false")).collect();
    assert!(off.is_empty(), "not switched on: {off:?}");
    assert!(settings.contains("version: dev"), "{settings}");

    let report = read("junit.xml");
    let suite = tags(&report, "testsuite").next().unwrap();
    // A count of none is left out.
    let count = |name| optional(suite, name).map_or(0, |count| count.parse::<usize>().unwrap());
    let [total, failed, errors] = ["tests", "failures", "errors"].map(count);
    let [skipped, disabled] = ["skipped", "disabled"].map(count);
    let passed = total - failed - errors - skipped - disabled;
    let cases = tags(&report, "testcase").count();
    println!(
        "conformance: {passed} passed, {failed} failed, {errors} errors, {skipped} skipped, \
         {disabled} disabled of {total} results in {cases} cases"
    );
    let unexcused: Vec<&str> = tags(&report, "testcase")
        .filter(|case| attribute(case, "status") != "passed")
        .filter(|case| {
            let excused = attribute(case, "status") == "skipped"
                && EXCUSED.iter().any(|(name, _)| attribute(case, "name").starts_with(name));
            !excused
        })
        .collect();
    let details = || said.lines().filter(|line| !line.ends_with(": Pass")).collect::<Vec<_>>();
    assert!(unexcused.is_empty(), "{unexcused:#?}\n{}", details().join("\n"));
    assert_eq!((failed, errors), (0, 0), "{}", details().join("\n"));
    assert!(passed >= PASSED, "only {passed} passed\n{complaint}");
    if EXCUSED.is_empty() {
        assert_eq!((skipped, disabled), (0, 0), "{}", details().join("\n"));
        assert!(output.status.success(), "{}\n{complaint}", output.status);
    }
}

/// The start tags with this name, without what encloses them.
fn tags<'a>(xml: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    xml.split('<').filter_map(move |tag| {
        let rest = tag.strip_prefix(name)?;
        // The space before the first attribute stays: it is what tells `testsuite` from `testsuites`.
        rest.starts_with(' ').then(|| rest.split_once('>').map(|(tag, _)| tag))?
    })
}

/// The value of an attribute of a start tag that must have it.
#[track_caller]
fn attribute<'a>(tag: &'a str, name: &str) -> &'a str {
    optional(tag, name).unwrap_or_else(|| panic!("no {name} in {tag}"))
}

/// The value of an attribute of a start tag.
fn optional<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(rest.split_once('"')?.0)
}
