//! Answers of Kubo. Input: a line with the status and the size of the file, then the body of the answer.
#![no_main]

use af_registry::ipfs::{Added, IpfsError};
use af_registry::ipld::profile::LEAF_BYTES;
use af_registry::ipld::{Cid, Codec};
use hyper::StatusCode;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// Most bytes of an error's text, whatever the length of the answer.
const TEXT: usize = 2048;

fuzz_target!(|input: &[u8]| {
    let Some((line, body)) = fuzz::line(input) else { return };
    let Some((status, sent)) = line.split_once(' ') else { return };
    let (Ok(status), Ok(sent)) = (status.parse::<StatusCode>(), sent.parse::<u32>()) else {
        return;
    };
    match Added::parse(body, sent.into()) {
        Ok(added) => accepted(added, body, sent),
        Err(error) => check(&error),
    }
    let cid = Cid::new(Codec::Raw, [7; 32]);
    let error = IpfsError::refused("add", status, body, &cid);
    check(&error);
    match error {
        IpfsError::Missing(missing) => assert_eq!(missing, cid),
        IpfsError::Refused { status: told, .. } => assert_eq!(told, status.as_u16()),
        IpfsError::Gone(_) => assert!(status.is_server_error()),
        IpfsError::Unavailable(_) => assert!(status.is_server_error() || status == 429),
        IpfsError::Broken(_) => panic!("a refusal is whole"),
    }
});

/// Checks that an accepted name occurs in the answer and that the answer is unambiguous.
fn accepted(added: Added, body: &[u8], sent: u32) {
    assert_eq!(added.cid.codec() == Codec::Raw, u64::from(sent) <= LEAF_BYTES);
    assert_eq!(added.cid.to_string().parse(), Ok(added.cid));
    // Fields that the parser ignores may hold bytes that are not UTF-8.
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return };
    assert_eq!(answer["Hash"], json!(added.cid.to_string()));
    assert_eq!(Added::parse(answer.to_string().as_bytes(), sent.into()), Ok(added));
    assert!(Added::parse(&[body, body].concat(), sent.into()).is_err());
}

fn check(error: &IpfsError) {
    let text = error.to_string();
    assert!(text.len() <= TEXT && !text.contains(char::is_control), "{text:?}");
}
