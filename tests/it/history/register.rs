//! A tag: a register with one value, which is a manifest or none.
//!
//! The question is whether all calls fit into one order. The answer goes through the calls and answers in the order of
//! time and keeps every state in which the register can be: its value, and which of the calls under way have taken effect
//! already (the just-in-time linearization of Lowe, after Wing and Gong). A state that does not fit an answer is dropped.
//! When none is left, no order exists.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::event::Span;

/// The name of a manifest.
type Value = Option<u32>;

/// What a call does to the register, or sees of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Write(u32),
    Clear,
    /// Clears the register if it has this value.
    ClearIf(u32),
    Read(Value),
}

/// A call of one client. A call that ends at `u64::MAX` has perhaps taken effect, at any time, or never.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) step: Step,
    pub(super) span: Span,
}

/// Most states before the search gives up.
const STATES: usize = 200_000;

/// Why there is no order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Breach {
    /// The answer to the call that began at this time fits no state.
    Order(u64),
    /// Too many calls without an outcome for this search.
    Undecided,
}

/// The value of the register, and the places of those calls under way that have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct State {
    value: Value,
    happened: u128,
}

/// Looks for an order in which every operation takes effect between its call and its answer.
pub(super) fn order(operations: &[Operation]) -> Result<(), Breach> {
    let operations = settle(operations);
    let mut moments: Vec<(u64, bool, usize)> = Vec::new();
    for (at, operation) in operations.iter().enumerate() {
        moments.push((operation.span.start, false, at));
        if operation.span.end != u64::MAX {
            moments.push((operation.span.end, true, at));
        }
    }
    // At one instant the calls come before the answers: those calls are concurrent.
    moments.sort_unstable();
    let mut under_way: BTreeMap<usize, (usize, Step)> = BTreeMap::new();
    let mut place_of: HashMap<usize, usize> = HashMap::new();
    let mut states = BTreeSet::from([State { value: None, happened: 0 }]);
    for (_, is_answer, at) in moments {
        if !is_answer {
            let free = (0..128).find(|place| !under_way.contains_key(place));
            let place = free.ok_or(Breach::Undecided)?;
            under_way.insert(place, (at, operations[at].step));
            place_of.insert(at, place);
            continue;
        }
        let place = place_of[&at];
        states = after(states, &under_way, place)?;
        under_way.remove(&place);
        if states.is_empty() {
            return Err(Breach::Order(operations[at].span.start));
        }
    }
    Ok(())
}

/// The states in which the call at this place has taken effect, without its mark.
fn after(
    states: BTreeSet<State>,
    under_way: &BTreeMap<usize, (usize, Step)>,
    place: usize,
) -> Result<BTreeSet<State>, Breach> {
    let mark = 1_u128 << place;
    let mut seen = states.clone();
    let mut open: Vec<State> = states.into_iter().collect();
    let mut done = BTreeSet::new();
    while let Some(state) = open.pop() {
        if state.happened & mark != 0 {
            done.insert(State { happened: state.happened & !mark, ..state });
            continue;
        }
        for (other, (_, step)) in under_way {
            let bit = 1_u128 << other;
            if state.happened & bit != 0 {
                continue;
            }
            let Some(value) = step.applied_to(state.value) else { continue };
            let next = State { value, happened: state.happened | bit };
            if seen.insert(next) {
                open.push(next);
            }
        }
        if seen.len() > STATES {
            return Err(Breach::Undecided);
        }
    }
    Ok(done)
}

impl Step {
    /// The value afterwards. `None` if a read cannot have seen this value.
    fn applied_to(self, value: Value) -> Option<Value> {
        match self {
            Self::Write(new) => Some(Some(new)),
            Self::Clear => Some(None),
            Self::ClearIf(one) if value == Some(one) => Some(None),
            Self::ClearIf(_) => Some(value),
            Self::Read(seen) => (seen == value).then_some(value),
        }
    }
}

/// Makes the search short: a write without an outcome need not have happened if nobody has read or cleared its value, and
/// happened before the first answer with that value if nobody else wrote it.
fn settle(operations: &[Operation]) -> Vec<Operation> {
    let mut writers: HashMap<u32, u32> = HashMap::new();
    let mut first_seen: HashMap<u32, u64> = HashMap::new();
    let mut cleared: BTreeSet<u32> = BTreeSet::new();
    for operation in operations {
        match operation.step {
            Step::Write(value) => *writers.entry(value).or_default() += 1,
            Step::Read(Some(value)) => {
                let seen = first_seen.entry(value).or_insert(u64::MAX);
                *seen = operation.span.end.min(*seen);
            }
            Step::ClearIf(value) => {
                cleared.insert(value);
            }
            Step::Clear | Step::Read(None) => {}
        }
    }
    let mut settled = Vec::with_capacity(operations.len());
    for operation in operations {
        let mut operation = *operation;
        if let Step::Write(value) = operation.step
            && operation.span.end == u64::MAX
        {
            match first_seen.get(&value) {
                Some(seen) if writers[&value] == 1 => {
                    operation.span.end = (*seen).max(operation.span.start);
                }
                None if !cleared.contains(&value) => continue,
                _ => {}
            }
        }
        settled.push(operation);
    }
    settled
}
