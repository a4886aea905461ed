//! The validity period of a robot's secret.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// Longest period that is not `never`.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// The validity period of a robot's secret, written `12h`, `90d` or `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life(Option<Duration>);

/// The text is not a [`Life`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LifeError {
    /// It is not a positive time with a unit.
    #[error("not a time; write 12h, 90d, or never")]
    Malformed,
    /// It is longer than ten years.
    #[error("longer than ten years; write never for a secret that does not expire")]
    TooLong,
}

impl Life {
    /// The time until the secret expires; `None` when it never does.
    pub fn time(self) -> Option<Duration> {
        self.0
    }
}

impl FromStr for Life {
    type Err = LifeError;

    fn from_str(text: &str) -> Result<Self, LifeError> {
        if text == "never" {
            return Ok(Self(None));
        }
        let life = humantime::parse_duration(text).ok().filter(|life| !life.is_zero());
        match life {
            None => Err(LifeError::Malformed),
            Some(life) if life > LONGEST => Err(LifeError::TooLong),
            life => Ok(Self(life)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_has_a_unit_or_is_never() {
        let life = |text: &str| text.parse::<Life>().map(Life::time);
        assert_eq!(life("90d"), Ok(Some(Duration::from_secs(90 * 86_400))));
        assert_eq!(life("never"), Ok(None));
        for bad in ["", "90", "0s", "-1d", "11y", "forever"] {
            assert!(life(bad).is_err(), "{bad}");
        }
    }
}
