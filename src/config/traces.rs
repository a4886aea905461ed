//! Settings of traces, by the names that OpenTelemetry gives them.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::error::ConfigError;
use super::read::{Group, Kind, Setting, Source, value};
use super::secret::Secret;
use super::server_address::ServerAddress;
use crate::telemetry::trace::Sampler;

const ENDPOINT: Setting = Setting {
    env: "OTEL_EXPORTER_OTLP_ENDPOINT",
    kind: Kind::Value("URL"),
    default: None,
    help: "Address of an OpenTelemetry collector that takes OTLP over http, such as http://collector:4318. Traces of requests \
           are sent to /v1/traces below it. Without it, and without the next setting, nothing is traced.",
};
const TRACES_ENDPOINT: Setting = Setting {
    env: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    kind: Kind::Value("URL"),
    default: None,
    help: "Whole address that traces are sent to, such as http://collector:4318/v1/traces. It wins over \
           OTEL_EXPORTER_OTLP_ENDPOINT.",
};
const HEADERS: Setting = Setting {
    env: "OTEL_EXPORTER_OTLP_HEADERS",
    kind: Kind::Secret,
    default: None,
    help: "Headers of every request to the collector, as name=value,name=value with values percent-encoded.",
};
const CERTIFICATE: Setting = Setting {
    env: "OTEL_EXPORTER_OTLP_CERTIFICATE",
    kind: Kind::Value("FILE"),
    default: None,
    help: "PEM file with the certificate authorities to verify an https collector by. The default is those of the system.",
};
const TIMEOUT: Setting = Setting {
    env: "OTEL_EXPORTER_OTLP_TIMEOUT",
    kind: Kind::Value("MILLISECONDS"),
    default: Some("10000"),
    help: "Time for the collector to take spans, in milliseconds.",
};
const PROTOCOL: Setting = Setting {
    env: "OTEL_EXPORTER_OTLP_PROTOCOL",
    kind: Kind::Value("http/protobuf"),
    default: Some("http/protobuf"),
    help: "Protocol that the collector speaks. Only http/protobuf is supported.",
};
const SERVICE_NAME: Setting = Setting {
    env: "OTEL_SERVICE_NAME",
    kind: Kind::Value("NAME"),
    default: None,
    help: "Name of this service in traces. The default is af-registry.",
};
const RESOURCE_ATTRIBUTES: Setting = Setting {
    env: "OTEL_RESOURCE_ATTRIBUTES",
    kind: Kind::Value("NAME=VALUE,…"),
    default: None,
    help: "Attributes of this instance in traces, such as deployment.environment.name=production, with values percent-encoded.",
};
const SAMPLER: Setting = Setting {
    env: "OTEL_TRACES_SAMPLER",
    kind: Kind::Value("NAME"),
    default: Some("parentbased_always_on"),
    help: "Which requests are traced: always_on, always_off, traceidratio, or each of them behind parentbased_, where a request \
           with a traceparent header is traced if its caller says so.",
};
const SAMPLER_ARG: Setting = Setting {
    env: "OTEL_TRACES_SAMPLER_ARG",
    kind: Kind::Value("RATIO"),
    default: Some("1.0"),
    help: "Part of the requests that traceidratio traces, from 0 to 1.",
};
const DISABLED: Setting = Setting {
    env: "OTEL_SDK_DISABLED",
    kind: Kind::Switch,
    default: Some("false"),
    help: "Trace nothing, whatever the other settings say.",
};

pub(super) const GROUP: Group = Group {
    title: "Traces (OpenTelemetry)",
    settings: &[
        &ENDPOINT,
        &TRACES_ENDPOINT,
        &HEADERS,
        &CERTIFICATE,
        &TIMEOUT,
        &PROTOCOL,
        &SERVICE_NAME,
        &RESOURCE_ATTRIBUTES,
        &SAMPLER,
        &SAMPLER_ARG,
        &DISABLED,
    ],
};

/// Where traces are sent, and which.
#[derive(Clone, Debug)]
pub struct Traces {
    /// Address of the collector.
    pub collector: ServerAddress,
    /// Path of the requests to it.
    pub path: String,
    /// Names and values of further headers.
    pub headers: Vec<(String, Secret)>,
    /// File with the certificate authorities to verify the collector by.
    pub authorities: Option<PathBuf>,
    /// Time for the collector to take spans.
    pub timeout: Duration,
    /// Names and values of the attributes of this instance.
    pub resource: Vec<(String, String)>,
    /// Which requests are traced.
    pub sampler: Sampler,
}

impl Traces {
    /// `None` if nothing is to be traced. The other settings are not looked at then, because other programs on the machine
    /// have the same.
    pub(super) fn read(source: &Source) -> Result<Option<Self>, ConfigError> {
        let whole = source.read_optional(&TRACES_ENDPOINT, |text| endpoint(text, ""))?;
        let base = source.read_optional(&ENDPOINT, |text| endpoint(text, "/v1/traces"))?;
        let Some((collector, path)) = whole.or(base) else { return Ok(None) };
        if source.read(&DISABLED, value::switch)? {
            return Ok(None);
        }
        source.read(&PROTOCOL, |text| match text {
            "http/protobuf" => Ok(()),
            _ => Err("not supported; write http/protobuf, and name the port for it (4318)".into()),
        })?;
        let headers = headers(source.read_secret(&HEADERS)?.expose())
            .map_err(|reason| ConfigError::bad(HEADERS.env, reason))?;
        let ratio = source.read(&SAMPLER_ARG, ratio)?;
        Ok(Some(Self {
            collector,
            path,
            headers,
            authorities: source.read_optional(&CERTIFICATE, value::text)?.map(PathBuf::from),
            timeout: Duration::from_millis(source.read(&TIMEOUT, value::count(1..=600_000))?),
            resource: resource(source)?,
            sampler: source.read(&SAMPLER, |name| sampler(name, ratio))?,
        }))
    }
}

/// The server and the path of an address, to which `below` is added.
fn endpoint(text: &str, below: &str) -> Result<(ServerAddress, String), String> {
    let authority = text.find("://").map_or(0, |at| at + 3);
    let path = text[authority..].find('/').map_or(text.len(), |at| authority + at);
    let server = ServerAddress::parser(4318)(&text[..path])?;
    let path = format!("{}{below}", text[path..].trim_end_matches('/'));
    let legal = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '#' | '`');
    match path.chars().all(legal) {
        true if path.is_empty() => Ok((server, "/".to_owned())),
        true => Ok((server, path)),
        false => Err("not an address; write http://collector:4318".to_owned()),
    }
}

fn sampler(name: &str, ratio: f64) -> Result<Sampler, String> {
    Sampler::parse(name, ratio).ok_or_else(|| {
        "not a sampler; write always_on, always_off or traceidratio, with or without parentbased_ before it"
            .to_owned()
    })
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "not a ratio; write a number from 0 to 1, such as 0.1".to_owned())
}

/// The attributes of this instance. Its name is one of them.
fn resource(source: &Source) -> Result<Vec<(String, String)>, ConfigError> {
    let given = source.read_optional(&RESOURCE_ATTRIBUTES, pairs)?.unwrap_or_default();
    let name = source.read_optional(&SERVICE_NAME, value::text)?;
    let own = name.map(|name| ("service.name".to_owned(), name));
    let usual = [("service.name", "af-registry"), ("service.version", env!("CARGO_PKG_VERSION"))];
    let usual = usual.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut resource: Vec<(String, String)> = Vec::new();
    for (name, value) in own.into_iter().chain(given).chain(usual) {
        if !resource.iter().any(|(other, _)| *other == name) {
            resource.push((name, value));
        }
    }
    Ok(resource)
}

fn headers(text: &str) -> Result<Vec<(String, Secret)>, String> {
    let name_is_legal =
        |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let header = |(name, value): (String, String)| {
        let legal = name_is_legal(&name) && !value.contains(char::is_control);
        let bad = || "not a list of headers; write name=value,name=value".to_owned();
        legal.then(|| (name, Secret::new(value))).ok_or_else(bad)
    };
    pairs(text)?.into_iter().map(header).collect()
}

/// Parses `name=value,name=value`, where values are percent-encoded.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let bad = || "not a list of names and values; write name=value,name=value".to_owned();
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').ok_or_else(bad)?;
        let value = percent_decode_str(value.trim()).decode_utf8().map_err(|_| bad())?;
        let name = name.trim();
        let legal = !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic());
        legal.then(|| (name.to_owned(), value.into_owned())).ok_or_else(bad)
    };
    text.split(',').filter(|part| !part.trim().is_empty()).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_server_and_a_path() {
        let show = |text, below| {
            endpoint(text, below).map(|(server, path)| format!("{} {path}", server.authority()))
        };
        assert_eq!(show("http://otel:4318", "/v1/traces"), Ok("otel:4318 /v1/traces".into()));
        assert_eq!(show("http://otel/", "/v1/traces"), Ok("otel:4318 /v1/traces".into()));
        assert_eq!(show("https://otel/in/", "/v1/traces"), Ok("otel:443 /in/v1/traces".into()));
        assert_eq!(show("http://otel:1/some?key=1", ""), Ok("otel:1 /some?key=1".into()));
        assert_eq!(show("http://otel", ""), Ok("otel:4318 /".into()));
        for bad in ["otel:4318", "grpc://otel", "http://otel/a b", "http://", "http://me@otel/v1"] {
            assert!(endpoint(bad, "").is_err(), "{bad}");
        }
    }

    #[test]
    fn names_and_values_are_lists() {
        let parsed = pairs("api-key=a%3Db, x = y z,,").unwrap();
        let expected = [("api-key", "a=b"), ("x", "y z")];
        assert!(parsed.iter().map(|(name, value)| (&**name, &**value)).eq(expected), "{parsed:?}");
        assert_eq!(pairs("").unwrap(), []);
        assert!(headers("a:b=c").is_err() && headers("a=b%0a").is_err());
        for bad in ["key", "=value", "a b=c", "key=%ff"] {
            assert!(pairs(bad).is_err(), "{bad}");
        }
    }
}
