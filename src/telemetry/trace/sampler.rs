//! Which traces are recorded.

use super::context::Context;

/// Chooses the traces that are recorded, as `OTEL_TRACES_SAMPLER` names them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampler {
    /// Of each trace that begins here, this part.
    Ratio(f64),
    /// Those that the caller records, and of traces that begin here this part.
    ParentOr(f64),
}

impl Sampler {
    /// Parses a name of the OpenTelemetry specification, with its argument.
    pub fn parse(name: &str, ratio: f64) -> Option<Self> {
        Some(match name {
            "always_on" => Self::Ratio(1.0),
            "always_off" => Self::Ratio(0.0),
            "traceidratio" => Self::Ratio(ratio),
            "parentbased_always_on" => Self::ParentOr(1.0),
            "parentbased_always_off" => Self::ParentOr(0.0),
            "parentbased_traceidratio" => Self::ParentOr(ratio),
            _ => return None,
        })
    }

    pub(super) fn samples(self, trace: u128, parent: Option<&Context>) -> bool {
        match (self, parent) {
            (Self::ParentOr(_), Some(parent)) => parent.sampled,
            (Self::Ratio(ratio) | Self::ParentOr(ratio), _) => is_within(trace, ratio),
        }
    }
}

/// Whether the id of a trace belongs to this part of all ids. Every program decides the same for the same trace: the last 63
/// bits are compared with the ratio (OpenTelemetry SDK specification, `TraceIdRatioBased`).
fn is_within(trace: u128, ratio: f64) -> bool {
    const ALL: f64 = (1_u64 << 63) as f64;
    let lower = trace as u64 >> 1;
    ratio >= 1.0 || lower < (ratio * ALL) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::trace::id;

    #[test]
    fn a_parent_decides_only_where_it_is_asked() {
        let parent = |sampled| Context { trace: 1, span: 1, sampled };
        for (name, alone, unsampled, sampled) in [
            ("always_on", true, true, true),
            ("always_off", false, false, false),
            ("parentbased_always_on", true, false, true),
            ("parentbased_always_off", false, false, true),
        ] {
            let sampler = Sampler::parse(name, 0.5).unwrap();
            let decided = [None, Some(parent(false)), Some(parent(true))]
                .map(|parent| sampler.samples(u128::MAX, parent.as_ref()));
            assert_eq!(decided, [alone, unsampled, sampled], "{name}");
        }
        assert_eq!(Sampler::parse("jaeger_remote", 1.0), None);
    }

    #[test]
    fn a_ratio_is_kept_roughly_and_by_the_id_alone() {
        let sampler = Sampler::parse("traceidratio", 0.25).unwrap();
        let kept = (0..10_000).filter(|_| sampler.samples(id::trace(), None)).count();
        assert!((2_000..3_000).contains(&kept), "{kept}");
        assert!(sampler.samples(1 << 127, None) && !sampler.samples(u128::MAX, None));
        assert!(
            !Sampler::Ratio(0.0).samples(0, None) && Sampler::Ratio(1.0).samples(u128::MAX, None)
        );
    }
}
