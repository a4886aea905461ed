//! Looks for calls that no registry which keeps its promises can have answered so.

use std::collections::BTreeMap;

use super::event::{Call, Event, Outcome};
use super::presence::Thing;
use super::register::{self, Breach, Operation, Step};

type Named = (String, String);

/// Everything in a history that breaks a promise, in words. Empty if nothing does.
pub(crate) fn check(history: &[Event]) -> Vec<String> {
    let mut breaches: Vec<String> = history
        .iter()
        .filter_map(|event| match &event.outcome {
            Outcome::Broken(how) => Some(format!("{:?} at {}: {how}", event.call, event.start)),
            _ => None,
        })
        .collect();
    breaches.extend(strangers(history));
    breaches.extend(content(history));
    breaches.extend(tags(history));
    breaches
}

/// Reads by digest that returned other bytes.
fn strangers(history: &[Event]) -> Vec<String> {
    let other = |event: &&Event| match (&event.call, &event.outcome) {
        (Call::ReadBlob { blob: digest, .. }, Outcome::Found(found))
        | (Call::ReadManifest { manifest: digest, .. }, Outcome::Found(found)) => digest != found,
        _ => false,
    };
    history.iter().filter(other).map(|event| format!("{event:?}: other bytes")).collect()
}

/// The blobs and manifests of all repositories.
#[derive(Default)]
struct Content {
    blobs: BTreeMap<Named, Thing>,
    manifests: BTreeMap<Named, Thing>,
    /// The manifests that need a blob.
    needed_by: BTreeMap<Named, Vec<Named>>,
}

fn content(history: &[Event]) -> Vec<String> {
    let mut content = Content::default();
    for event in history {
        content.note(event);
    }
    let mut breaches = Vec::new();
    let all = content.blobs.iter().chain(&content.manifests);
    for ((repository, digest), thing) in all {
        let breach = thing.breach();
        breaches.extend(breach.map(|breach| format!("{digest} in {repository} {breach}")));
    }
    breaches.extend(content.missing_from_images());
    breaches.extend(content.wrongly_unknown(history));
    breaches
}

impl Content {
    fn note(&mut self, event: &Event) {
        match &event.call {
            Call::PushBlob { repository, blob } => {
                add(self.blobs.entry((repository.clone(), blob.clone())).or_default(), event);
            }
            Call::ReadBlob { repository, blob } => {
                see(self.blobs.entry((repository.clone(), blob.clone())).or_default(), event);
            }
            Call::DeleteBlob { repository, blob } => {
                remove(self.blobs.entry((repository.clone(), blob.clone())).or_default(), event);
            }
            Call::PushManifest { repository, manifest, blobs, .. } => {
                let name = (repository.clone(), manifest.clone());
                for blob in blobs {
                    let needed = self.needed_by.entry((repository.clone(), blob.clone()));
                    needed.or_default().push(name.clone());
                }
                add(self.manifests.entry(name).or_default(), event);
            }
            Call::ReadManifest { repository, manifest } => {
                let name = (repository.clone(), manifest.clone());
                see(self.manifests.entry(name).or_default(), event);
            }
            Call::DeleteManifest { repository, manifest } => {
                let name = (repository.clone(), manifest.clone());
                remove(self.manifests.entry(name).or_default(), event);
            }
            // A tag names a manifest that is there.
            Call::ReadTag { repository, .. } => {
                if let Outcome::Found(found) = &event.outcome {
                    let name = (repository.clone(), found.clone());
                    self.manifests.entry(name).or_default().found.push(event.span());
                }
            }
            Call::DeleteTag { .. } => {}
        }
    }

    /// Blobs that were absent while a manifest that needs them was there. Nobody can delete those.
    fn missing_from_images(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        for (name, manifests) in &self.needed_by {
            let Some(blob) = self.blobs.get(name) else { continue };
            for manifest in manifests.iter().filter_map(|manifest| self.manifests.get(manifest)) {
                let lost = blob.absent.iter().find(|read| manifest.was_there(**read));
                breaches.extend(lost.map(|read| {
                    format!("{} in {} is absent at {read:?} from a manifest", name.1, name.0)
                }));
            }
        }
        breaches
    }

    /// Manifests that were refused for an unknown blob while all their blobs were there.
    fn wrongly_unknown(&self, history: &[Event]) -> Vec<String> {
        let refused = history.iter().filter(|event| event.outcome == Outcome::Absent);
        let wrong = refused.filter(|event| match &event.call {
            Call::PushManifest { repository, blobs, .. } => blobs.iter().all(|blob| {
                let thing = self.blobs.get(&(repository.clone(), blob.clone()));
                thing.is_some_and(|thing| thing.was_there(event.span()))
            }),
            _ => false,
        });
        wrong.map(|event| format!("{event:?}: all its blobs were there")).collect()
    }
}

fn add(thing: &mut Thing, event: &Event) {
    if event.outcome == Outcome::Done {
        thing.added.push(event.span());
    }
    if event.may_have_happened() {
        thing.perhaps_added.push(event.span());
    }
}

fn remove(thing: &mut Thing, event: &Event) {
    match event.outcome {
        Outcome::Done => thing.removed.push(event.span()),
        Outcome::Absent => thing.absent.push(event.span()),
        _ => {}
    }
    if event.may_have_happened() {
        thing.perhaps_removed.push(event.span());
    }
}

fn see(thing: &mut Thing, event: &Event) {
    match event.outcome {
        Outcome::Found(_) => thing.found.push(event.span()),
        Outcome::Absent => thing.absent.push(event.span()),
        _ => {}
    }
}

/// Checks each tag by itself.
fn tags(history: &[Event]) -> Vec<String> {
    let mut names: BTreeMap<Named, Vec<&Event>> = BTreeMap::new();
    for event in history {
        let (repository, tag) = match &event.call {
            Call::PushManifest { repository, tag: Some(tag), .. }
            | Call::ReadTag { repository, tag }
            | Call::DeleteTag { repository, tag } => (repository, tag),
            _ => continue,
        };
        names.entry((repository.clone(), tag.clone())).or_default().push(event);
    }
    for ((repository, _), events) in &mut names {
        let deletes = history.iter().filter(|event| {
            matches!(&event.call, Call::DeleteManifest { repository: of, .. } if of == repository)
        });
        events.extend(deletes);
    }
    let mut breaches = Vec::new();
    for ((repository, tag), events) in names {
        breaches.extend(tag_breach(&events).map(|how| format!("{repository}:{tag} {how}")));
    }
    breaches
}

fn tag_breach(events: &[&Event]) -> Option<String> {
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    let mut number = |digest| {
        let next = u32::try_from(numbers.len()).unwrap();
        *numbers.entry(digest).or_insert(next)
    };
    let mut steps = Vec::new();
    for event in events {
        let step = match (&event.call, &event.outcome) {
            (Call::ReadTag { .. }, Outcome::Found(found)) => Step::Read(Some(number(found))),
            (Call::ReadTag { .. } | Call::DeleteTag { .. }, Outcome::Absent) => Step::Read(None),
            (Call::PushManifest { manifest, .. }, _) if event.may_have_happened() => {
                Step::Write(number(manifest))
            }
            (Call::DeleteTag { .. }, _) if event.may_have_happened() => Step::Clear,
            (Call::DeleteManifest { manifest, .. }, _) if event.may_have_happened() => {
                Step::ClearIf(number(manifest))
            }
            _ => continue,
        };
        steps.push((*event, step));
    }
    // Deletes of manifests that this tag never named change nothing.
    let written: Vec<Step> = steps.iter().map(|(_, step)| *step).collect();
    let matters = |step: Step| match step {
        Step::ClearIf(value) => written.contains(&Step::Write(value)),
        _ => true,
    };
    steps.retain(|(_, step)| matters(*step));
    let operations: Vec<Operation> =
        steps.iter().map(|(event, step)| Operation { step: *step, span: event.span() }).collect();
    match register::order(&operations) {
        Ok(()) => None,
        Err(Breach::Order(start)) => {
            let event = steps.iter().find(|(event, _)| event.start == start);
            Some(format!("cannot be explained: {:?}", event.map(|(event, _)| event)))
        }
        Err(Breach::Undecided) => Some("has too many calls without an outcome".into()),
    }
}
