//! The rules by which things end that nobody needs.

use std::time::Duration;

use crate::config::Config;
use crate::policy::Retention;

/// Time before the end of a window in which a client that is told of a blob is given a new window.
const LEAD: Duration = Duration::from_secs(3600);

/// When things end that nobody needs.
#[derive(Clone, Debug)]
pub struct EndRules {
    /// How long something is kept after it was needed last.
    pub window: Duration,
    /// How long repositories keep untagged manifests.
    pub retention: Retention,
    /// Time after its last use until a refresh token expires.
    pub refresh_token_life: Duration,
}

impl EndRules {
    /// The rules that the operator has set.
    pub fn of(config: &Config) -> Self {
        Self {
            window: config.review.window,
            retention: config.review.retention.clone(),
            refresh_token_life: config.access.refresh_token_life,
        }
    }

    /// The time after which something that was quiet is near its end: an hour before, or half of a short window.
    pub(super) fn nearly_over(&self) -> Duration {
        self.window - LEAD.min(self.window / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hour_or_half_of_a_window_is_near_its_end() {
        for (window, nearly) in [(86_400, 82_800), (7200, 3600), (3600, 1800), (0, 0)] {
            let rules = EndRules {
                window: Duration::from_secs(window),
                retention: Retention::default(),
                refresh_token_life: Duration::ZERO,
            };
            assert_eq!(rules.nearly_over(), Duration::from_secs(nearly));
        }
    }
}
