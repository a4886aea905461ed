//! What goes wrong in a registry and its partners, and the tests that show what clients see then. Each fault is injected as
//! it happens: processes are killed and stopped, connections cut, disks filled, on the real PostgreSQL and the real Kubo.
//! After it, everything that was acknowledged must be there (`rig::whole`). A test below checks that each name exists.
//!
//! | Fault | What happens | Tests |
//! |---|---|---|
//! | F1 | Kubo dies during an upload | `faults::kubo::f01_an_upload_survives_a_kubo_that_is_killed_under_it`, `faults::kubo::f01_an_upload_survives_connections_to_kubo_that_break` |
//! | F2 | Kubo accepts and does not answer | `faults::kubo::f02_a_kubo_that_hangs_costs_a_503_and_nothing_else` |
//! | F3 | An answer is cut, short, or fails after its 200 | `faults::answers::f03_f30_a_bad_read_never_looks_like_a_blob`, `faults::answers::f03_f04_an_add_without_a_good_answer_stores_nothing`, `src::ipfs::tests::a_hash_is_no_success_when_the_trailer_reports_an_error` |
//! | F4 | An add answers 200 without a good line | `faults::answers::f03_f04_an_add_without_a_good_answer_stores_nothing`, `src::ipfs::tests::a_hash_before_a_cut_is_no_success` |
//! | F5 | A block is missing | `truth::damaged_blocks_are_never_served_through_the_gateway`, `truth::damaged_blocks_are_never_served_through_cat` |
//! | F6 | A block is damaged | `truth::damaged_blocks_are_never_served_through_the_gateway`, `truth::damaged_blocks_are_never_served_through_cat` |
//! | F7 | A pin is lost | `faults::pins::f07_a_lost_pin_is_set_again_by_the_next_push` |
//! | F8 | Kubo collects while clients push | `faults::pins::f08_a_kubo_that_collects_all_the_time_breaks_no_image` |
//! | F9 | Calls that pin hang | `faults::kubo::f09_pin_calls_that_hang_hold_up_nothing_else` |
//! | F10 | The disk of Kubo is full | `faults::kubo::f10_a_full_disk_of_kubo_refuses_pushes_and_serves_pulls`, `start::alone::a_nearly_full_disk_refuses_uploads_and_says_why` |
//! | F11 | Kubo has no inodes left | `faults::kubo::f11_a_kubo_without_free_inodes_refuses_pushes_and_serves_pulls` |
//! | F12 | PostgreSQL restarts, or another one takes over | `outages::failover::f12_restarts_of_postgres_under_load_lose_nothing`, `outages::failover::f12_a_failover_under_load_loses_nothing`, `blink::requests_wait_for_partners_that_restart` |
//! | F13 | PostgreSQL falls silent | `outages::silent::f13_a_silent_postgres_costs_a_503_within_seconds`, `store::faults::a_silent_server_costs_five_seconds_at_most` |
//! | F14 | No connection to PostgreSQL is free | `outages::crowded::f14_an_exhausted_pool_refuses_within_two_seconds`, `outages::crowded::f14_jobs_and_requests_do_not_take_connections_from_each_other` |
//! | F15 | A request is cancelled in a transaction | `outages::crowded::f15_a_client_that_goes_away_in_a_transaction_leaves_nothing_behind`, `store::faults::a_cancelled_call_leaves_nothing_behind` |
//! | F16 | The disk of PostgreSQL is full | `outages::full::f16_a_full_disk_of_postgres_refuses_writes_and_heals_by_itself` |
//! | F17 | An instance is killed | `faults::instances::f17_an_instance_that_is_killed_at_any_step_leaves_garbage_at_worst`, `truth::a_torn_upload_resumes_where_it_broke_and_after_a_crash_at_its_last_part` |
//! | F18 | A client goes away while it sends | `faults::instances::f18_a_client_that_goes_away_at_any_byte_finds_what_it_sent`, `trickle::a_patch_that_breaks_keeps_what_has_come` |
//! | F19 | A client is slow | `slow::pulls_that_nobody_reads_cost_little_and_give_it_back`, `trickle::slow_uploads_keep_no_slot_from_a_fast_one`, `edge::slow_heads_stalled_bodies_and_idle_connections_time_out` |
//! | F20 | Two instances append to one upload | `faults::instances::f20_of_two_instances_that_append_one_wins` |
//! | F21 | Uploads of one blob end at once | `faults::instances::f21_fifty_pushes_of_one_blob_over_two_instances_store_it_once`, `truth::thirty_two_clients_pushing_one_layer_store_it_once` |
//! | F22 | A tag is moved by several at once | `faults::instances::f22_a_tag_that_two_instances_move_has_one_order`, `store::manifests::one_of_many_pushes_wins_a_tag_and_readers_see_only_complete_moves` |
//! | F23 | A manifest is pushed while its blob is deleted | `store::blobs::an_unlink_and_a_manifest_wait_for_each_other`, `store::blobs::an_unlink_during_a_manifest_push_leaves_the_manifest_complete_or_rejected` |
//! | F24 | One manifest is pushed under two tags at once | `faults::instances::f24_one_manifest_is_pushed_under_many_tags_at_once`, `store::manifests::one_manifest_can_be_pushed_concurrently_under_many_tags` |
//! | F25 | Clocks differ | `src::auth::token::claims::clocks_may_differ_by_a_minute`, `store::access::a_robot_expires_by_the_clock_of_the_database` |
//! | F26 | A certificate is replaced, by a bad one too | `tls::reload::open_pulls_survive_a_new_certificate`, `tls::reload::changed_files_are_noticed_and_bad_ones_change_nothing` |
//! | F27 | SIGTERM | `truth::sigterm_lets_accepted_requests_finish`, `src::net::tests::a_shutdown_finishes_what_runs_and_accepts_nothing_new` |
//! | F28 | Two versions serve side by side | `store::upgrades::the_previous_version_pushes_and_pulls_beside_this_one`, `store::upgrades::databases_of_all_earlier_versions_are_migrated_and_served`, `store::schema::instances_that_start_at_once_migrate_once` |
//! | F29 | Everybody comes back at once | `faults::kubo::f29_a_herd_that_waited_for_kubo_is_served`, `ipfs::only_so_many_calls_wait_for_a_node` |
//! | F30 | A read fails after the head of its answer | `faults::answers::f03_f30_a_bad_read_never_looks_like_a_blob` |
//!
//! Beside the table: `faults::kubo::the_base_answers_while_both_partners_are_down`.

mod answers;
mod instances;
mod kubo;
mod pins;

use std::path::PathBuf;

use af_registry::stream::hashing::sha256;
use bytes::Bytes;

use crate::rig::client::{Client, full, request};

const MIB: usize = 1 << 20;

/// How many faults the table has.
const FAULTS: usize = 30;

#[test]
fn every_fault_names_tests_that_exist() {
    let table = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! | F"));
    let rows: Vec<&str> =
        table.filter(|row| row.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert_eq!(rows.len(), FAULTS);
    for (at, row) in rows.iter().enumerate() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[0], (at + 1).to_string());
        let tests: Vec<&str> = cells[2].split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "F{} names no test", at + 1);
        for test in tests {
            assert!(exists(test), "F{} names {test}, which does not exist", at + 1);
        }
    }
}

/// Whether there is a test of this path: `module::name` below `tests/it`, or `src::module::name`.
fn exists(test: &str) -> bool {
    let (module, name) = test.rsplit_once("::").unwrap();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let below = match module.strip_prefix("src::") {
        Some(module) => root.join("src").join(module.replace("::", "/")),
        None => root.join("tests/it").join(module.replace("::", "/")),
    };
    let files = [below.with_extension("rs"), below.join("mod.rs")];
    let function = format!("fn {name}()");
    files
        .iter()
        .any(|file| std::fs::read_to_string(file).is_ok_and(|text| text.contains(&function)))
}

/// How many bytes of an upload are stored.
async fn stored(client: Client, session: &str) -> usize {
    let answer = client.get(session).await.expect(204);
    let last: usize = answer.header("range").strip_prefix("0-").unwrap().parse().unwrap();
    if last == 0 { 0 } else { last + 1 }
}

/// Sends the rest of an upload from `at`, closes it, and reads the blob.
async fn finish(client: Client, session: &str, bytes: &Bytes, at: usize) {
    if at < bytes.len() {
        let range = format!("{at}-{}", bytes.len() - 1);
        let rest = full(bytes.slice(at..));
        client
            .send(request("PATCH", session, &[("content-range", &range)], rest))
            .await
            .expect(202);
    }
    let digest = sha256(bytes);
    let repository = session.split('/').nth(2).unwrap();
    client.ask("PUT", &format!("{session}?digest={digest}")).await.expect(201);
    let blob = client.get(&format!("/v2/{repository}/blobs/{digest}")).await.expect(200);
    assert!(blob.body == *bytes && !blob.cut);
}
