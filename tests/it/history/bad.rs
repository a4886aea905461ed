//! Histories that the checker must refuse, and some that only look so.

use super::Outcome::{Absent, Done, Unknown};
use super::event::Span;
use super::register::{Operation, Step, order};
use super::{Call, Event, Outcome, check};

fn event(call: Call, outcome: Outcome, start: u64, end: u64) -> Event {
    Event { call, outcome, start, end }
}

fn push_blob(outcome: Outcome, start: u64, end: u64) -> Event {
    event(Call::PushBlob { repository: "r".into(), blob: "b".into() }, outcome, start, end)
}

fn read_blob(outcome: Outcome, start: u64, end: u64) -> Event {
    event(Call::ReadBlob { repository: "r".into(), blob: "b".into() }, outcome, start, end)
}

fn delete_blob(outcome: Outcome, start: u64, end: u64) -> Event {
    event(Call::DeleteBlob { repository: "r".into(), blob: "b".into() }, outcome, start, end)
}

/// Pushes a manifest that needs the blob `b`, under the tag `t`.
fn push(manifest: &str, outcome: Outcome, start: u64, end: u64) -> Event {
    let (tag, blobs) = (Some("t".into()), vec!["b".into()]);
    let call = Call::PushManifest { repository: "r".into(), manifest: manifest.into(), tag, blobs };
    event(call, outcome, start, end)
}

fn delete_manifest(manifest: &str, outcome: Outcome, start: u64, end: u64) -> Event {
    let call = Call::DeleteManifest { repository: "r".into(), manifest: manifest.into() };
    event(call, outcome, start, end)
}

/// Reads the tag `t`, which names this manifest or none.
fn read_tag(manifest: &str, start: u64, end: u64) -> Event {
    let outcome = if manifest.is_empty() { Absent } else { Outcome::Found(manifest.into()) };
    event(Call::ReadTag { repository: "r".into(), tag: "t".into() }, outcome, start, end)
}

fn delete_tag(outcome: Outcome, start: u64, end: u64) -> Event {
    event(Call::DeleteTag { repository: "r".into(), tag: "t".into() }, outcome, start, end)
}

fn found() -> Outcome {
    Outcome::Found("b".into())
}

#[track_caller]
fn refused(history: &[Event]) {
    assert!(!check(history).is_empty(), "a bad history was accepted");
}

#[track_caller]
fn accepted(history: &[Event]) {
    let breaches = check(history);
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn an_acknowledged_blob_that_is_absent_is_noticed() {
    refused(&[push_blob(Done, 0, 9), read_blob(Absent, 10, 11)]);
    // During the push, or when nobody has acknowledged it, it may be absent.
    accepted(&[push_blob(Done, 0, 9), read_blob(Absent, 9, 11)]);
    accepted(&[push_blob(Unknown, 0, 9), read_blob(Absent, 20, 21), read_blob(found(), 30, 31)]);
    // Somebody may have deleted it.
    accepted(&[push_blob(Done, 0, 9), delete_blob(Done, 5, 20), read_blob(Absent, 10, 11)]);
    accepted(&[push_blob(Done, 0, 9), delete_blob(Unknown, 10, 11), read_blob(Absent, 90, 91)]);
    // But not before it was pushed again, and not with a delete that was refused.
    let again = [delete_blob(Done, 0, 1), push_blob(Done, 2, 9), read_blob(Absent, 10, 11)];
    refused(&again);
    refused(&[
        push_blob(Done, 0, 9),
        delete_blob(Outcome::Refused, 10, 11),
        read_blob(Absent, 12, 13),
    ]);
    refused(&[push_blob(Done, 0, 9), delete_blob(Absent, 10, 11)]);
}

#[test]
fn a_deleted_blob_that_is_found_is_noticed() {
    let (push, delete) = (push_blob(Done, 0, 1), delete_blob(Done, 2, 3));
    refused(&[push.clone(), delete.clone(), read_blob(found(), 4, 5)]);
    accepted(&[push.clone(), delete.clone(), read_blob(found(), 3, 5)]);
    accepted(&[push.clone(), delete.clone(), push_blob(Unknown, 2, 3), read_blob(found(), 4, 5)]);
    refused(&[read_blob(found(), 4, 5)]);
}

#[test]
fn a_blob_that_an_image_needs_cannot_be_absent() {
    let image = [push_blob(Done, 0, 1), push("m", Done, 2, 3)];
    let after = |events: &[Event]| [&image[..], events].concat();
    let deleted = [delete_blob(Unknown, 4, 5), read_blob(Absent, 6, 7)];
    refused(&after(&deleted));
    accepted(&after(&[&[delete_manifest("m", Unknown, 4, 5)], &deleted[..]].concat()));
    refused(&after(&[push("n", Absent, 4, 5)]));
    accepted(&after(&[delete_blob(Unknown, 4, 5), push("n", Absent, 4, 5)]));
}

#[test]
fn answers_that_break_a_promise_by_themselves_are_noticed() {
    refused(&[read_blob(Outcome::Broken("500 without Retry-After".into()), 0, 1)]);
    refused(&[push_blob(Done, 0, 1), read_blob(Outcome::Found("other".into()), 2, 3)]);
}

#[test]
fn a_tag_that_goes_back_is_noticed() {
    let pushes = [push_blob(Done, 0, 0), push("m", Done, 1, 2), push("n", Done, 3, 4)];
    let after = |events: &[Event]| [&pushes[..], events].concat();
    accepted(&after(&[read_tag("n", 5, 6)]));
    refused(&after(&[read_tag("m", 5, 6)]));
    refused(&after(&[read_tag("", 5, 6)]));
    accepted(&after(&[read_tag("m", 2, 6), read_tag("n", 7, 8)]));
    // Who reads later cannot read what was there earlier, even while both are being pushed.
    let at_once = [push_blob(Done, 0, 0), push("m", Done, 1, 99), push("n", Done, 1, 99)];
    let seen = |names: [&str; 3]| {
        let reads = (0..3).map(|n| read_tag(names[n], 10 * n as u64 + 10, 10 * n as u64 + 12));
        [&at_once[..], &reads.collect::<Vec<_>>()].concat()
    };
    accepted(&seen(["m", "n", "n"]));
    refused(&seen(["m", "n", "m"]));
    refused(&seen(["m", "", "m"]));
}

#[test]
fn a_move_without_an_outcome_happens_once_or_never() {
    let pushes = [push_blob(Done, 0, 0), push("m", Done, 1, 2), push("n", Unknown, 3, 4)];
    let after = |events: &[Event]| [&pushes[..], events].concat();
    accepted(&after(&[read_tag("m", 50, 51)]));
    accepted(&after(&[read_tag("m", 50, 51), read_tag("n", 52, 53), read_tag("n", 54, 55)]));
    refused(&after(&[read_tag("n", 50, 51), read_tag("m", 52, 53)]));
    refused(&after(&[read_tag("", 50, 51)]));
}

#[test]
fn a_deleted_tag_that_is_read_is_noticed() {
    let push = [push_blob(Done, 0, 0), push("m", Done, 1, 2)];
    let after = |events: &[Event]| [&push[..], events].concat();
    accepted(&after(&[delete_tag(Done, 3, 4), read_tag("", 5, 6)]));
    refused(&after(&[delete_tag(Done, 3, 4), read_tag("m", 5, 6)]));
    accepted(&after(&[delete_tag(Unknown, 3, 4), read_tag("m", 5, 6), read_tag("", 7, 8)]));
    refused(&after(&[delete_tag(Unknown, 3, 4), read_tag("", 5, 6), read_tag("m", 7, 8)]));
    refused(&after(&[delete_tag(Absent, 3, 4)]));
    // A manifest takes its tags with it, and no others.
    refused(&after(&[delete_manifest("m", Done, 3, 4), read_tag("m", 5, 6)]));
    accepted(&after(&[delete_manifest("m", Done, 3, 4), read_tag("", 5, 6)]));
    refused(&after(&[delete_manifest("n", Done, 3, 4), read_tag("", 5, 6)]));
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Whether some order explains the operations, by trying all of them.
fn some_order(left: &[Operation], value: Option<u32>) -> bool {
    if left.iter().all(|operation| operation.span.end == u64::MAX) {
        return true;
    }
    let first_end = left.iter().map(|operation| operation.span.end).min().unwrap();
    (0..left.len()).any(|at| {
        let operation = left[at];
        let mut rest = left.to_vec();
        rest.remove(at);
        let fits = operation.span.start <= first_end;
        let value = match operation.step {
            Step::Write(new) => Some(new),
            Step::Clear => None,
            Step::ClearIf(one) if value == Some(one) => None,
            Step::Read(seen) if seen != value => return false,
            Step::ClearIf(_) | Step::Read(_) => value,
        };
        fits && some_order(&rest, value)
    })
}

/// The search agrees with the one that tries every order, in both directions.
#[test]
fn short_histories_are_judged_as_by_trying_every_order() {
    let mut numbers = Numbers(0x1234_5678_9abc_def1);
    let mut judged = [0, 0];
    for _ in 0..4000 {
        let count = 2 + numbers.below(5);
        let operations: Vec<Operation> = (0..count)
            .map(|n| {
                let step = match numbers.below(8) {
                    0..3 => Step::Write(if numbers.below(3) == 0 { 0 } else { n as u32 }),
                    3 => Step::Clear,
                    4 => Step::ClearIf(numbers.below(3) as u32),
                    5 => Step::Read(None),
                    _ => Step::Read(Some(numbers.below(count) as u32)),
                };
                let start = numbers.below(20);
                let is_write = !matches!(step, Step::Read(_));
                let open = is_write && numbers.below(4) == 0;
                let end = if open { u64::MAX } else { start + numbers.below(8) };
                Operation { step, span: Span { start, end } }
            })
            .collect();
        let expected = some_order(&operations, None);
        judged[usize::from(expected)] += 1;
        assert_eq!(order(&operations).is_ok(), expected, "{operations:#?}");
    }
    assert!(judged.iter().all(|times| *times > 500), "{judged:?}");
}
