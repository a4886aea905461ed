//! Parsers of values: switches, times, sizes, counts and addresses. Each error says what to write.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Any text, unchanged.
pub(crate) fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// `true`, `yes` or `1`; `false`, `no` or `0`. Upper case is accepted.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err("not a switch; write true or false".to_owned()),
    }
}

/// A whole number with a unit from `ms` to `d`, such as `30s`. Zero is refused.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_unit(text);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        "" => return Err("a time needs a unit; write 30s, 5m or 24h".to_owned()),
        _ => return Err("not a time; write 30s, 5m or 24h".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "not a time; write 30s, 5m or 24h".to_owned())?;
    match number.checked_mul(millis) {
        Some(millis) if (1..=366 * 24 * 60 * 60 * 1000).contains(&millis) => {
            Ok(Duration::from_millis(millis))
        }
        _ => Err("out of bounds; write a time between 1ms and 366d".to_owned()),
    }
}

/// A number of bytes within bounds, with or without `KiB`, `MiB` or `GiB`.
pub(crate) fn size(bounds: RangeInclusive<usize>) -> impl Fn(&str) -> Result<usize, String> {
    move |text| {
        const WRITE: &str = "not a size; write a number of bytes, or 64KiB, 4MiB, 1GiB";
        let (number, unit) = split_unit(text);
        let unit: usize = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            _ => return Err(WRITE.to_owned()),
        };
        let number: usize = number.parse().map_err(|_| WRITE.to_owned())?;
        within(number.saturating_mul(unit), &bounds)
    }
}

/// A number of bytes within bounds, or 0, which turns something off. `hint` is the error for a size that is less.
pub(crate) fn size_or_off(
    bounds: RangeInclusive<usize>,
    hint: &'static str,
) -> impl Fn(&str) -> Result<u64, String> {
    move |text| match size(0..=*bounds.end())(text)? {
        0 => Ok(0),
        small if small < *bounds.start() => Err(hint.to_owned()),
        size => Ok(size as u64),
    }
}

/// A whole number within bounds.
pub(crate) fn count<T>(bounds: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    move |text| {
        let number = text.parse().map_err(|_| {
            format!("not a whole number between {} and {}", bounds.start(), bounds.end())
        })?;
        within(number, &bounds)
    }
}

/// An IP address, with or without brackets, or `localhost`.
pub(crate) fn ip(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| {
        "not an IP address; write 127.0.0.1 for this machine only, 0.0.0.0 or :: for all networks"
            .to_owned()
    })
}

fn within<T: PartialOrd + Display>(number: T, bounds: &RangeInclusive<T>) -> Result<T, String> {
    if bounds.contains(&number) {
        return Ok(number);
    }
    Err(format!("out of bounds; write a number between {} and {}", bounds.start(), bounds.end()))
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_carry_a_unit() {
        assert_eq!(time("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(time("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(time("250 ms"), Ok(Duration::from_millis(250)));
        for bad in ["", "30", "s", "-1s", "1.5s", "30x", "0s", "367d", "99999999999999999999h"] {
            assert!(time(bad).is_err(), "{bad}");
        }
        assert!(time("30").unwrap_err().contains("unit"));
    }

    #[test]
    fn sizes_are_bytes_or_binary_units() {
        let size = size(1..=8 << 30);
        assert_eq!(size("65536"), Ok(65_536));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("4mib"), Ok(4 << 20));
        for bad in ["", "0", "KiB", "64KB", "1TiB", "9GiB", "-1", "99999999999999999999"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn switches_are_words_or_digits() {
        for yes in ["true", "TRUE", "1", "yes"] {
            assert_eq!(switch(yes), Ok(true));
        }
        for no in ["false", "0", "No"] {
            assert_eq!(switch(no), Ok(false));
        }
        assert!(switch("on").is_err());
    }

    #[test]
    fn addresses_are_ip_addresses_or_localhost() {
        assert_eq!(ip("localhost"), ip("127.0.0.1"));
        assert_eq!(ip("[::1]"), ip("::1"));
        assert!(ip("registry.example").is_err());
    }

    #[test]
    fn counts_have_bounds() {
        assert_eq!(count(1..=10_u32)("10"), Ok(10));
        assert!(count(1..=10_u32)("11").unwrap_err().contains("between 1 and 10"));
        assert!(count(1..=10_u32)("ten").is_err());
    }
}
