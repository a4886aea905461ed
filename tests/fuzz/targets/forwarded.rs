//! Headers in which proxies name the client. Input: trusted networks, the peer's address and X-Forwarded-Proto, on a line
//! each, then lines of X-Forwarded-For.
#![no_main]

use std::net::IpAddr;

use af_registry::config::Networks;
use af_registry::http::Forwarded;
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((networks, rest)) = fuzz::line(input) else { return };
    let Some((peer, rest)) = fuzz::line(rest) else { return };
    let Some((proto, rest)) = fuzz::line(rest) else { return };
    let (Ok(proxies), Ok(peer)) = (networks.parse::<Networks>(), peer.parse::<IpAddr>()) else {
        return;
    };
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(proto) {
        headers.append("x-forwarded-proto", value);
    }
    for line in rest.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append("x-forwarded-for", value);
        }
    }
    let found = Forwarded::of(peer, &headers, &proxies);
    let ours = peer.to_canonical();
    assert_eq!(found.address, found.address.to_canonical());
    if !proxies.contain(ours) {
        assert_eq!(found, Forwarded { address: ours, https: None });
        return;
    }
    // A client cannot change the result by adding entries in front of the proxy's.
    if !proxies.contain(found.address) {
        let mut forged = headers.clone();
        forged.remove("x-forwarded-for");
        forged.append("x-forwarded-for", HeaderValue::from_static("192.0.2.66, garbage"));
        for line in headers.get_all("x-forwarded-for") {
            forged.append("x-forwarded-for", line.clone());
        }
        assert_eq!(Forwarded::of(peer, &forged, &proxies).address, found.address);
    }
});
