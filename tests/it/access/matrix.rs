//! Every endpoint for every kind of caller, on a public repository, a private one, and one that does not exist.

use std::collections::BTreeSet;

use af_registry::http::{self, Endpoint, route};
use af_registry::stream::hashing::sha256;
use bytes::Bytes;
use hyper::Uri;

use super::{PASSWORD, basic, guarded, robot, token_for, user};
use crate::rig::client::{
    Answer, Client, OCI_INDEX, OCI_MANIFEST, full, image, nothing, random, request,
};
use crate::rig::server::Server;
use af_registry::rights::Role;

/// Kinds of callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Anonymous,
    Stranger,
    Expired,
    Reader,
    Writer,
    Deleter,
    Admin,
    Robot,
    Disabled,
}

const WHO: [Who; 9] = [
    Who::Anonymous,
    Who::Stranger,
    Who::Expired,
    Who::Reader,
    Who::Writer,
    Who::Deleter,
    Who::Admin,
    Who::Robot,
    Who::Disabled,
];

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "",
            Self::Stranger => "stranger",
            Self::Expired => "expired",
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Deleter => "deleter",
            Self::Admin => "boss",
            Self::Robot => "m+robot",
            Self::Disabled => "disabled",
        }
    }

    /// The part of a repository's name that stands for this caller.
    fn place(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Robot => "robot",
            other => other.name(),
        }
    }

    fn may(self, right: Right) -> bool {
        match self {
            Self::Anonymous | Self::Stranger | Self::Expired | Self::Disabled => false,
            Self::Reader => right == Right::Pull,
            Self::Writer | Self::Robot => right != Right::Delete,
            Self::Deleter => right != Right::Push,
            Self::Admin => true,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Public,
    Private,
    Absent,
}

const PLACES: [Place; 3] = [Place::Public, Place::Private, Place::Absent];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    Pull,
    Push,
    Delete,
}

/// How a caller identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Basic,
    Bearer,
}

/// The need of an endpoint, and the status for a caller who meets it. A right has two: the status in a repository with
/// content, and the status in a repository that does not exist.
enum Needs {
    Nothing(u16),
    Login(u16),
    Catalog(u16),
    Right(Right, u16, u16),
}

/// The response that a case expects or gets.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Status(u16),
    /// 401 with a challenge, which names this error of the token if there is one.
    Challenge(Option<&'static str>),
    Denied,
}

/// What each endpoint needs. A new endpoint does not compile without an arm here, and a test fails without a request in
/// `REQUESTS`.
fn needs(endpoint: &Endpoint, by: By) -> Needs {
    use Right::{Delete, Pull, Push};
    match endpoint {
        Endpoint::Open(what) => match what {
            http::Open::Health | http::Open::Ready | http::Open::Keys => Needs::Nothing(200),
            http::Open::TokenGet | http::Open::TokenPost => Needs::Nothing(200),
        },
        Endpoint::Extensions | Endpoint::Version => Needs::Login(200),
        Endpoint::Catalog(_) => Needs::Catalog(200),
        // A token does not cover the repository that holds the blob, unless that is the target itself.
        Endpoint::Mount(mount) if mount.source.is_none() && by == By::Bearer => {
            Needs::Right(Push, 201, 202)
        }
        Endpoint::Mount(_) => Needs::Right(Push, 201, 201),
        Endpoint::Pull(_, what) => match what {
            http::Pull::Blob(_) | http::Pull::BlobHead(_) => Needs::Right(Pull, 200, 404),
            http::Pull::Content(_) => Needs::Right(Pull, 200, 404),
            http::Pull::Manifest(_) | http::Pull::ManifestHead(_) => Needs::Right(Pull, 200, 404),
            http::Pull::Tags(_) => Needs::Right(Pull, 200, 404),
            http::Pull::Referrers(_) => Needs::Right(Pull, 200, 200),
        },
        Endpoint::Push(_, what) => match what {
            http::Push::Start(_) => Needs::Right(Push, 202, 202),
            http::Push::Monolithic(_) => Needs::Right(Push, 201, 201),
            http::Push::Status(_) | http::Push::Cancel(_) => Needs::Right(Push, 204, 404),
            http::Push::Append(_) => Needs::Right(Push, 202, 404),
            http::Push::Finish(..) => Needs::Right(Push, 201, 404),
            http::Push::Manifest(..) => Needs::Right(Push, 201, 201),
        },
        Endpoint::Delete(_, what) => match what {
            http::Delete::Blob(_) | http::Delete::Manifest(_) => Needs::Right(Delete, 202, 404),
        },
    }
}

/// A request for each endpoint. The parts in braces are replaced.
const REQUESTS: [(&str, &str); 25] = [
    ("GET", "/v2/"),
    ("GET", "/v2/_oci/ext/discover"),
    ("GET", "/v2/_catalog"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/token?service=registry.test"),
    ("POST", "/token"),
    ("GET", "/v2/{repository}/blobs/{blob}"),
    ("HEAD", "/v2/{repository}/blobs/{blob}"),
    ("GET", "/v2/{repository}/_af/content/{blob}"),
    ("GET", "/v2/{repository}/manifests/latest"),
    ("HEAD", "/v2/{repository}/manifests/latest"),
    ("GET", "/v2/{repository}/tags/list"),
    ("GET", "/v2/{repository}/referrers/{blob}"),
    ("PUT", "/v2/{repository}/manifests/new"),
    ("POST", "/v2/{repository}/blobs/uploads/"),
    ("POST", "/v2/{repository}/blobs/uploads/?digest={small}"),
    ("POST", "/v2/{repository}/blobs/uploads/?mount={blob}&from=m/base"),
    ("POST", "/v2/{repository}/blobs/uploads/?mount={blob}"),
    ("GET", "{upload}"),
    ("PATCH", "{upload}"),
    ("PUT", "{upload}?digest={small}"),
    ("DELETE", "{upload}"),
    ("DELETE", "/v2/{repository}/blobs/{loose}"),
];

/// The request that comes last, because it deletes the image.
const LAST: (&str, &str) = ("DELETE", "/v2/{repository}/manifests/latest");

const SMALL: &[u8] = b"small";
const EMPTY_INDEX: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// One request of one caller.
struct Case {
    who: Who,
    place: Place,
    by: By,
    method: &'static str,
    path: String,
    authorization: Option<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_endpoint_checks_its_right_for_every_caller() {
    let server = guarded().await;
    let stage = Stage::set(&server).await;
    let mut cases = Vec::new();
    for who in WHO {
        for by in [By::Basic, By::Bearer] {
            if by == By::Basic && [Who::Expired, Who::Anonymous].contains(&who) {
                continue;
            }
            for place in PLACES {
                stage.furnish(who, by, place).await;
                for (n, (method, path)) in REQUESTS.iter().chain([&LAST]).enumerate() {
                    cases.push(stage.case(who, by, place, n, method, path).await);
                }
            }
        }
    }
    server.database().store.accounts().set_disabled("disabled", true).await.unwrap();
    let mut wrong = Vec::new();
    let mut refusals: Vec<(String, String)> = Vec::new();
    for case in &cases {
        let answer = stage.ask(case).await;
        let endpoint = endpoint(case);
        let expected = expected(case, &endpoint);
        let outcome = outcome(&answer);
        if outcome != expected
            && !(may_be_cached(case) && is_as_anonymous(case, &endpoint, &outcome))
        {
            let Case { who, place, by, method, path, .. } = case;
            wrong.push(format!(
                "{who:?} by {by:?}, {place:?}: {method} {path}: {expected:?}, not {} {:?}",
                answer.status, answer
            ));
        }
        if !matches!(expected, Expected::Status(_)) && case.place != Place::Public {
            // A mount with a source is refused with a challenge for both repositories.
            let source = case.path.contains("&from=");
            let key = format!("{:?} {:?} {} {source}", case.who, case.by, endpoint.name());
            refusals.push((key, whole_outcome(&answer, case)));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    refusals.sort();
    refusals.dedup();
    for two in refusals.windows(2) {
        assert_ne!(two[0].0, two[1].0, "private and absent differ: {} / {}", two[0].1, two[1].1);
    }
}

/// The source of the enums of endpoints.
const ENDPOINTS: &str = include_str!("../../../src/http/v2/endpoint.rs");

#[test]
fn every_endpoint_has_a_request() {
    let digest = sha256(b"x").to_string();
    let upload = format!("/v2/a/blobs/uploads/{}", uuid::Uuid::nil());
    let requested: BTreeSet<_> = REQUESTS
        .iter()
        .chain([&LAST])
        .map(|(method, path)| {
            let path = path
                .replace("{repository}", "a")
                .replace("{upload}", &upload)
                .replace("{blob}", &digest)
                .replace("{loose}", &digest)
                .replace("{small}", &digest);
            variant(&routed(method, &path))
        })
        .collect();
    assert_eq!(requested, declared());
}

/// The variant of an endpoint, as in `Pull::Blob`.
fn variant(endpoint: &Endpoint) -> String {
    let whole = match endpoint {
        Endpoint::Open(what) => format!("Open::{what:?}"),
        Endpoint::Pull(_, what) => format!("Pull::{what:?}"),
        Endpoint::Push(_, what) => format!("Push::{what:?}"),
        Endpoint::Delete(_, what) => format!("Delete::{what:?}"),
        Endpoint::Version | Endpoint::Extensions | Endpoint::Catalog(_) | Endpoint::Mount(_) => {
            format!("Endpoint::{endpoint:?}")
        }
    };
    whole.split(['(', ' ']).next().unwrap().to_owned()
}

/// Every variant that the source declares. A variant of `Endpoint` that carries an enum is left out: the variants of that
/// enum are in the list.
fn declared() -> BTreeSet<String> {
    let mut variants = BTreeSet::new();
    let mut name = "";
    for line in ENDPOINTS.lines() {
        if let Some(rest) = line.strip_prefix("pub enum ") {
            name = rest.trim_end_matches(" {");
        } else if line == "}" {
            name = "";
        } else if !name.is_empty() && line.trim_start().starts_with(char::is_uppercase) {
            let variant = line.trim().split(['(', ',']).next().unwrap();
            variants.insert(format!("{name}::{variant}"));
        }
    }
    for sorted in ["Open", "Pull", "Push", "Delete"] {
        assert!(variants.remove(&format!("Endpoint::{sorted}")), "{sorted} in {variants:?}");
    }
    variants
}

fn routed(method: &str, path: &str) -> Endpoint {
    let uri: Uri = path.parse().unwrap();
    route(&method.parse().unwrap(), &uri).unwrap()
}

fn endpoint(case: &Case) -> Endpoint {
    routed(case.method, &case.path)
}

fn expected(case: &Case, endpoint: &Endpoint) -> Expected {
    let Case { who, place, by, .. } = case;
    let invalid = Expected::Challenge(Some("invalid_token"));
    // The password of a disabled account is refused wherever it is checked. An endpoint that needs no login ignores it.
    let locked = *who == Who::Disabled && *by == By::Basic;
    match needs(endpoint, *by) {
        Needs::Nothing(_) if *endpoint == Endpoint::Open(http::Open::TokenGet) => match (by, who) {
            (By::Bearer, Who::Anonymous) => Expected::Status(200),
            (By::Bearer, _) => Expected::Status(400),
            (By::Basic, Who::Disabled) => Expected::Status(401),
            (By::Basic, _) => Expected::Status(200),
        },
        Needs::Nothing(status) => Expected::Status(status),
        _ if locked => Expected::Challenge(None),
        _ if *who == Who::Expired => invalid,
        Needs::Login(_) | Needs::Catalog(_) if *who == Who::Anonymous => Expected::Challenge(None),
        Needs::Login(_) if *who == Who::Disabled => invalid,
        Needs::Login(status) | Needs::Catalog(status) => Expected::Status(status),
        Needs::Right(right, there, absent) => {
            // A token of an account that was disabled since has no rights beyond those of an anonymous caller.
            let public = *place == Place::Public && right == Right::Pull;
            if who.may(right) || public {
                return Expected::Status(if *place == Place::Absent { absent } else { there });
            }
            match (who, by) {
                (Who::Anonymous, _) => Expected::Challenge(None),
                (_, By::Bearer) => Expected::Challenge(Some("insufficient_scope")),
                (_, By::Basic) => Expected::Denied,
            }
        }
    }
}

/// Whether the server may still have this login in its cache, where it stays for a minute although the account is disabled
/// by now.
fn may_be_cached(case: &Case) -> bool {
    case.who == Who::Disabled && case.by == By::Basic
}

/// Whether a cached login got the response of an anonymous caller. Its account has no rights any more.
fn is_as_anonymous(case: &Case, endpoint: &Endpoint, outcome: &Expected) -> bool {
    match needs(endpoint, case.by) {
        Needs::Right(Right::Pull, there, _) if case.place == Place::Public => {
            *outcome == Expected::Status(there)
        }
        Needs::Right(..) => false,
        Needs::Catalog(status) => *outcome == Expected::Status(status),
        Needs::Login(_) | Needs::Nothing(_) => false,
    }
}

/// The outcome of a response.
fn outcome(answer: &Answer) -> Expected {
    let challenge = answer.header("www-authenticate");
    match answer.status.as_u16() {
        401 if challenge.is_empty() => Expected::Status(401),
        401 => {
            assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
            let flaw = challenge.split_once("error=\"").map(|(_, rest)| rest.trim_end_matches('"'));
            Expected::Challenge(match flaw {
                None => None,
                Some("invalid_token") => Some("invalid_token"),
                Some("insufficient_scope") => Some("insufficient_scope"),
                Some(other) => panic!("{other}"),
            })
        }
        403 => Expected::Denied,
        status => Expected::Status(status),
    }
}

/// The whole of a refusal, without the name of the repository and the headers that differ between responses.
fn whole_outcome(answer: &Answer, case: &Case) -> String {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let text = format!("{} {headers:?} {:?}", answer.status, answer.body);
    let repository = endpoint(case).repository().map(ToString::to_string).unwrap_or_default();
    text.replace(&repository, "{repository}")
}

/// A server with an account for each kind of caller.
struct Stage<'a> {
    server: &'a Server,
    client: Client,
    root: String,
    robot: String,
    layer: Bytes,
    loose: Bytes,
}

impl<'a> Stage<'a> {
    async fn set(server: &'a Server) -> Self {
        let store = &server.database().store;
        user(store, "stranger", &[("elsewhere/*", Role::Admin)]).await;
        user(store, "expired", &[("m/*", Role::Admin)]).await;
        user(store, "reader", &[("m/*", Role::Pull)]).await;
        user(store, "writer", &[("m/*", Role::Push)]).await;
        user(store, "deleter", &[("m/*", Role::Delete)]).await;
        user(store, "boss", &[("m/*", Role::Admin)]).await;
        user(store, "disabled", &[("m/*", Role::Admin)]).await;
        let robot = robot(store, "m+robot", &[("m/*", Role::Push)]).await;
        let root = basic("root", PASSWORD);
        let client = server.client();
        let stage =
            Self { server, client, root, robot, layer: random(71, 2000), loose: random(72, 2000) };
        for blob in [&stage.layer, &stage.loose, &Bytes::from_static(b"{}")] {
            let path = format!("/v2/m/base/blobs/uploads/?digest={}", sha256(blob));
            stage.as_root("POST", &path, &[], blob.clone()).await.expect(201);
        }
        stage
    }

    async fn as_root(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Answer {
        let mut headers = headers.to_vec();
        headers.push(("authorization", &self.root));
        self.client.send(request(method, path, &headers, full(body))).await
    }

    fn repository(who: Who, by: By, place: Place) -> String {
        let by = if by == By::Basic { "basic" } else { "bearer" };
        let place = match place {
            Place::Public => "public",
            Place::Private => "private",
            Place::Absent => "absent",
        };
        format!("m/{}/{by}/{place}", who.place())
    }

    /// Pushes an image, and a blob that no manifest needs.
    async fn furnish(&self, who: Who, by: By, place: Place) {
        if place == Place::Absent {
            return;
        }
        let repository = Self::repository(who, by, place);
        let config = Bytes::from_static(b"{}");
        for blob in [&self.layer, &self.loose, &config] {
            let digest = sha256(blob);
            let path = format!("/v2/{repository}/blobs/uploads/?mount={digest}&from=m/base");
            self.as_root("POST", &path, &[], Bytes::new()).await.expect(201);
        }
        let manifest = image(&sha256(&config), 2, &[(&sha256(&self.layer), self.layer.len())]);
        let path = format!("/v2/{repository}/manifests/latest");
        let headers = [("content-type", OCI_MANIFEST)];
        self.as_root("PUT", &path, &headers, manifest).await.expect(201);
        if place == Place::Public {
            let store = &self.server.database().store;
            store.repositories().set_public(&repository.parse().unwrap(), true).await.unwrap();
        }
    }

    /// The Basic credentials of a caller.
    fn login(&self, who: Who) -> String {
        match who {
            Who::Robot => basic(who.name(), &self.robot),
            other => basic(other.name(), PASSWORD),
        }
    }

    async fn case(
        &self,
        who: Who,
        by: By,
        place: Place,
        n: usize,
        method: &'static str,
        path: &str,
    ) -> Case {
        let mut repository = Self::repository(who, by, place);
        if place == Place::Absent {
            repository = format!("{repository}{n}");
        }
        let path = path
            .replace("{upload}", &self.upload(who, place, &repository, path).await)
            .replace("{repository}", &repository)
            .replace("{blob}", sha256(&self.layer).as_str())
            .replace("{loose}", sha256(&self.loose).as_str())
            .replace("{small}", sha256(SMALL).as_str());
        let authorization = match (who, by) {
            (Who::Anonymous, _) => None,
            (_, By::Basic) => Some(self.login(who)),
            (_, By::Bearer) => Some(format!("Bearer {}", self.token(who, method, &path).await)),
        };
        Case { who, place, by, method, path, authorization }
    }

    /// An upload session that the caller opened. When the caller may not open one, root did.
    async fn upload(&self, who: Who, place: Place, repository: &str, path: &str) -> String {
        let unknown = format!("/v2/{repository}/blobs/uploads/{}", uuid::Uuid::nil());
        if !path.starts_with("{upload}") || place == Place::Absent {
            return unknown;
        }
        let path = format!("/v2/{repository}/blobs/uploads/");
        let login = if who.may(Right::Push) { self.login(who) } else { self.root.clone() };
        let headers = [("authorization", login.as_str())];
        let answer = self.client.send(request("POST", &path, &headers, nothing())).await;
        answer.expect(202).header("location").to_owned()
    }

    /// A token with the scopes that the request needs.
    async fn token(&self, who: Who, method: &str, path: &str) -> String {
        let scope = routed(method, path).scope();
        let scopes: Vec<&str> = scope.split(' ').filter(|scope| !scope.is_empty()).collect();
        let token = token_for(self.client, Some(&self.login(who)), &scopes).await;
        match who {
            Who::Expired => super::token::aged(self.server, &token, 600).await,
            _ => token,
        }
    }

    async fn ask(&self, case: &Case) -> Answer {
        let mut headers: Vec<(&str, &str)> =
            case.authorization.iter().map(|text| ("authorization", text.as_str())).collect();
        let body = match endpoint(case) {
            Endpoint::Push(_, http::Push::Manifest(..)) => {
                headers.push(("content-type", OCI_INDEX));
                full(EMPTY_INDEX)
            }
            Endpoint::Push(_, http::Push::Append(_) | http::Push::Finish(..)) => full(SMALL),
            Endpoint::Push(_, http::Push::Monolithic(_)) => full(SMALL),
            _ => nothing(),
        };
        self.client.send(request(case.method, &case.path, &headers, body)).await
    }
}
