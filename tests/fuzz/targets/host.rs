//! Hosts of requests and of settings, with or without a port.
#![no_main]

use af_registry::config::HostPort;
use hyper::header::HeaderValue;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some(host) = HostPort::parse(text) else { return };
    assert_eq!(host.as_str(), text);
    assert!(HeaderValue::from_str(text).is_ok());
    let (name, rest) = host.split();
    assert_eq!(format!("{name}{rest}"), text);
    if host.is_loopback() {
        // The port decides nothing.
        assert!(HostPort::parse(name).is_some_and(HostPort::is_loopback));
        let name = name.trim_start_matches('[').trim_end_matches(']');
        assert!(
            name.eq_ignore_ascii_case("localhost")
                || name.starts_with("127.")
                || name.contains(':')
        );
    }
});
