//! The place of a span in its trace, and its form in the header `traceparent` (W3C Trace Context, level 1).

use std::fmt;

/// Length of a `traceparent` of version 00.
const LENGTH: usize = 55;

/// A span, as the work that belongs to it and other programs know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Identifies the trace. Not 0.
    pub trace: u128,
    /// Identifies the span. Not 0.
    pub span: u64,
    /// Whether the spans of the trace are recorded.
    pub sampled: bool,
}

impl Context {
    /// Parses a `traceparent`. `None` for anything that is not one.
    pub fn parse(header: &[u8]) -> Option<Self> {
        let header = std::str::from_utf8(header).ok()?;
        let version = u8::try_from(hex(header, 0..2)?).ok().filter(|version| *version != 0xff)?;
        // Later versions may add fields behind a hyphen.
        let whole = match header.len() {
            LENGTH => true,
            _ => version > 0 && header.as_bytes().get(LENGTH) == Some(&b'-'),
        };
        let hyphens = [2, 35, 52].iter().all(|at| header.as_bytes().get(*at) == Some(&b'-'));
        if !whole || !hyphens {
            return None;
        }
        let trace = hex(header, 3..35).filter(|trace| *trace != 0)?;
        let span = u64::try_from(hex(header, 36..52)?).ok().filter(|span| *span != 0)?;
        Some(Self { trace, span, sampled: hex(header, 53..55)? & 1 == 1 })
    }
}

/// The `traceparent` of requests that are made for this span.
impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, span, sampled } = self;
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", u8::from(*sampled))
    }
}

/// A number of lower-case hexadecimal digits.
fn hex(text: &str, part: std::ops::Range<usize>) -> Option<u128> {
    let digits = text.get(part)?;
    let valid = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u128::from_str_radix(digits, 16).ok().filter(|_| valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_is_parsed_and_printed_again() {
        let context = Context::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(context.trace, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!((context.span, context.sampled), (0x00f0_67aa_0ba9_02b7, true));
        assert_eq!(context.to_string(), EXAMPLE);
        let unsampled = EXAMPLE.replace("-01", "-02");
        assert!(!Context::parse(unsampled.as_bytes()).unwrap().sampled);
        for later in [format!("cc{}", &EXAMPLE[2..]), format!("cc{}-more", &EXAMPLE[2..])] {
            assert_eq!(Context::parse(later.as_bytes()), Some(context), "{later}");
        }
    }

    #[test]
    fn anything_else_is_ignored() {
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-\u{e9}",
        ] {
            assert_eq!(Context::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Context::parse(&[0xff; LENGTH]), None);
    }
}
