//! Good tokens, and forged ones.

use std::sync::OnceLock;

use data_encoding::{BASE64, BASE64URL, BASE64URL_NOPAD};
use ring::hmac;
use serde_json::{Value, json};

use super::claims::Audience;
use super::{Claims, Unverified, sign};
use crate::auth::key::{KeyPair, generate};

/// Two keys, generated once, because that takes a while.
fn keys() -> &'static [KeyPair; 2] {
    static KEYS: OnceLock<[KeyPair; 2]> = OnceLock::new();
    KEYS.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        std::thread::scope(|scope| {
            let make = || runtime.block_on(async { [generate().await, generate().await] });
            scope.spawn(make).join().unwrap().map(Result::unwrap)
        })
    })
}

fn claims() -> Claims {
    Claims {
        iss: "registry".into(),
        sub: "me".into(),
        aud: Audience::One("service".into()),
        exp: 1_800_000_900,
        nbf: 1_799_999_990,
        iat: 1_800_000_000,
        jti: "1".into(),
        rev: 7,
        access: Vec::new(),
    }
}

/// Verifies a token as a server would that has the first key.
fn verify(token: &str) -> Result<Claims, &'static str> {
    let token = Unverified::parse(token)?;
    let key = keys()[0].public();
    if token.kid() != key.kid() {
        return Err("unknown kid");
    }
    token.verify(key)
}

fn header() -> Value {
    json!({ "typ": "JWT", "alg": "RS256", "kid": keys()[0].public().kid() })
}

/// A token with this header and these claims, and a valid signature of the first key.
fn signed(header: &str, claims: &str) -> String {
    let (header, claims) = (header.as_bytes(), claims.as_bytes());
    let signed = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(claims));
    let signature = keys()[0].sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

fn with_header(header: &Value) -> Result<Claims, &'static str> {
    verify(&signed(&header.to_string(), &serde_json::to_string(&claims()).unwrap()))
}

#[test]
fn a_signed_token_is_valid() {
    let token = sign(&claims(), &keys()[0]).unwrap();
    assert_eq!(verify(&token), Ok(claims()));
    assert_eq!(with_header(&header()), Ok(claims()));
    assert_eq!(Claims::unverified(&token), Ok(claims()));
    let mut short = header();
    short.as_object_mut().unwrap().remove("typ");
    assert_eq!(with_header(&short), Ok(claims()));
}

#[test]
fn a_token_stays_below_the_limits_of_headers() {
    let mut large = claims();
    let name = "n".repeat(40);
    let entry = json!({"type": "repository", "name": name, "actions": ["pull", "push", "delete"]});
    large.access = vec![serde_json::from_value(entry).unwrap(); 50];
    assert!(sign(&large, &keys()[0]).unwrap().len() < 8 * 1024);
}

#[test]
fn malformed_tokens_are_refused() {
    let token = sign(&claims(), &keys()[0]).unwrap();
    for garbage in ["", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "é.é.é", "{}.{}.{}"] {
        assert!(verify(garbage).is_err(), "{garbage}");
    }
    assert_eq!(verify(&"a".repeat(16 * 1024 + 1)), Err("it is too long"));
    assert_eq!(verify(&format!("{token}.")), Err("it does not have three parts"));
    assert_eq!(
        verify(&format!("{}.", token.rsplit_once('.').unwrap().0)),
        Err("its signature is wrong")
    );
    for at in 0..token.len() {
        assert!(verify(&token[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_change_of_any_character_is_noticed() {
    let token = sign(&claims(), &keys()[0]).unwrap();
    for at in (0..token.len()).step_by(7) {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(verify(&String::from_utf8(changed).unwrap()).is_err(), "changed at {at}");
    }
    for odd in ["=", "\n", " ", "A", "%3D"] {
        assert!(verify(&format!("{token}{odd}")).is_err(), "{odd:?}");
    }
}

#[test]
fn other_algorithms_are_refused() {
    let others =
        ["none", "None", "", "HS256", "rs256", "RS256 ", "RS384", "PS256", "ES256", "EdDSA"];
    for algorithm in others {
        let mut header = header();
        header["alg"] = json!(algorithm);
        assert_eq!(with_header(&header), Err("its algorithm is not RS256"), "{algorithm}");
    }
    for algorithm in [json!(null), json!(["RS256"]), json!(1)] {
        let mut header = header();
        header["alg"] = algorithm;
        assert_eq!(with_header(&header), Err("its header is not one that this registry writes"));
    }
    let mut header = header();
    header.as_object_mut().unwrap().remove("alg");
    assert_eq!(with_header(&header), Err("its header is not one that this registry writes"));
}

#[test]
fn the_public_key_does_not_work_as_an_hmac_key() {
    let mut header = header();
    let claims = serde_json::to_string(&claims()).unwrap();
    let key = &keys()[0];
    let pem = format!(
        "-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n",
        BASE64.encode(key.public_der())
    );
    for secret in [pem.as_bytes(), key.public_der(), b""] {
        for algorithm in ["HS256", "RS256"] {
            header["alg"] = json!(algorithm);
            let signed = format!(
                "{}.{}",
                BASE64URL_NOPAD.encode(header.to_string().as_bytes()),
                BASE64URL_NOPAD.encode(claims.as_bytes())
            );
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
            let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(tag.as_ref()));
            assert!(verify(&token).is_err(), "{algorithm}");
        }
    }
}

#[test]
fn a_token_that_brings_its_own_key_is_refused() {
    let key = &keys()[0];
    for (field, value) in [
        ("jwk", key.public().jwk()),
        ("jwk", json!(null)),
        ("jku", json!("https://example.org/keys")),
        ("x5c", json!(["MIIB"])),
        ("x5u", json!("https://example.org/chain")),
        ("x5t", json!("AAAA")),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
    ] {
        let mut header = header();
        header[field] = value;
        assert_eq!(
            with_header(&header),
            Err("its header is not one that this registry writes"),
            "{field}"
        );
    }
}

#[test]
fn a_header_that_is_no_object_or_repeats_a_field_is_refused() {
    let kid = keys()[0].public().kid();
    let claims = serde_json::to_string(&claims()).unwrap();
    for header in [
        format!(r#"["JWT","RS256","{kid}"]"#),
        format!(r#" {{"alg":"RS256","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"none","alg":"RS256","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}"}}x"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}","kid":"x"}}"#),
        r#"{"alg":"RS256"}"#.to_owned(),
        r#"{"alg":"RS256","kid":7}"#.to_owned(),
        "{}".to_owned(),
        "null".to_owned(),
    ] {
        assert_eq!(
            verify(&signed(&header, &claims)),
            Err("its header is not one that this registry writes")
        );
    }
    let mut header = header();
    header["typ"] = json!("refresh");
    assert_eq!(with_header(&header), Err("its type is not JWT"));
}

#[test]
fn claims_must_be_an_object_without_repeated_members() {
    let header = header().to_string();
    let list = r#"["registry","me","service",1,1,1,"1",7,[]]"#;
    for claims in [list, "{}", "null", "", "{\"exp\":1,\"exp\":2}"] {
        assert_eq!(verify(&signed(&header, claims)), Err("its claims are malformed"));
    }
    let text = serde_json::to_string(&claims()).unwrap();
    let twice = text.replacen('{', r#"{"rev":1,"#, 1);
    assert_eq!(verify(&signed(&header, &twice)), Err("its claims are malformed"));
    let more = text.replacen('{', r#"{"later":true,"#, 1);
    assert_eq!(verify(&signed(&header, &more)), Ok(claims()));
}

#[test]
fn a_token_of_another_key_is_refused() {
    let [ours, theirs] = keys();
    let token = sign(&claims(), theirs).unwrap();
    assert_eq!(verify(&token), Err("unknown kid"));
    for kid in ["", "../../etc/passwd", "x' OR '1'='1"] {
        let mut header = header();
        header["kid"] = json!(kid);
        assert_eq!(with_header(&header), Err("unknown kid"), "{kid}");
    }
    let (_, claims_and_signature) = token.split_once('.').unwrap();
    let ours = sign(&claims(), ours).unwrap();
    let (header, _) = ours.split_once('.').unwrap();
    let mixed = format!("{header}.{claims_and_signature}");
    assert_eq!(verify(&mixed), Err("its signature is wrong"));
}

#[test]
fn other_spellings_of_base64_are_refused() {
    let token = sign(&claims(), &keys()[0]).unwrap();
    let parts: Vec<_> = token.split('.').collect();
    let signature = BASE64URL_NOPAD.decode(parts[2].as_bytes()).unwrap();
    let padded = format!("{}.{}.{}", parts[0], parts[1], BASE64URL.encode(&signature));
    assert!(verify(&padded).is_err());
    let standard = format!("{}.{}.{}", parts[0], parts[1], BASE64.encode(&signature));
    assert!(verify(&standard).is_err());
}
