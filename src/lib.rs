//! The Alternate Futures Registry: an OCI container registry that keeps its metadata in PostgreSQL and its bytes in
//! IPFS.
//!
//! This page is the map of the source tree. `ARCHITECTURE.md` says why it is built so, and which
//! files serve a request. `CONTRIBUTING.md` says how to add something to it.
//!
//! # Floors
//!
//! A top-level module is a *room*. Each room stands on a floor and may use rooms on lower floors. The files of a room
//! never use each other in a circle. `tests/it/house` fails when this table and the code disagree.
//!
//! | floor | rooms | what they are |
//! |---|---|---|
//! | 6 | `main`, [`app`] | build the parts, run them, stop them |
//! | 5 | [`cli`], [`http`] | parse what comes in, ask the domain, render what goes out |
//! | 4 | [`otlp`] | guests that read events and act outside; webhooks, replication, scanning and signatures will stand here |
//! | 3 | [`registry`], [`auth`], [`accounts`] | the domain: content, who may do what, who exists |
//! | 2 | [`content`], [`acme`] | what the domain reads and fetches through; upstream registries will stand here |
//! | 1 | [`store`], [`ipfs`], [`outbound`], [`net`], [`embedded`], [`jobs`] | one partner or one mechanism each |
//! | 0 | [`oci`], [`ipld`], [`rights`], [`policy`], [`seal`], [`stream`], [`config`], [`telemetry`] | words and rules without a partner |
//!
//! # Rooms
//!
//! - [`config`]: every setting, its help text and its parser.
//! - [`telemetry`]: the log, every metric by name, and the spans of a request.
//! - [`oci`]: names, tags, digests, ranges, manifests and paths of the distribution specification.
//! - [`ipld`]: CIDs, and the tree that `ipfs add` builds above the leaves of a file.
//! - [`rights`]: actions, roles, patterns of repositories, scopes of tokens.
//! - [`policy`]: rules that decide: how long untagged manifests stay.
//! - [`seal`]: the signing secret, encryption under it, random bytes.
//! - [`stream`]: `http_body::Body` wrappers that hash, verify, pace and time a body, the buffer that gathers one, and turns of
//!   the tasks that do so.
//! - [`store`]: PostgreSQL. One file of `sql/queries` is one statement and one function.
//! - [`ipfs`]: the client of Kubo's RPC API and gateway.
//! - [`outbound`]: connections to other servers: TLS, trusted authorities, idle connections, time limits, and waiting for
//!   a server that is gone for a moment.
//! - [`net`]: listeners, TLS, connections and shutdown. It knows no route.
//! - [`embedded`]: the private PostgreSQL and Kubo of a server that was given none.
//! - [`jobs`]: runs what has to happen by itself. A job lives in the room that it works for.
//! - [`content`]: the bytes of blobs as clients read them: it chooses their source and verifies them.
//! - [`acme`]: orders and renews the server's certificate.
//! - [`accounts`]: users, robots, passwords and grants, and what an operator does with them.
//! - [`auth`]: finds out who the caller is and issues [`Authorized`](auth::Authorized) values; tokens and their keys.
//! - [`registry`]: blobs, uploads, manifests, lists and upkeep. No HTTP.
//! - [`otlp`]: sends traces to a collector of OpenTelemetry.
//! - [`http`]: `edge` takes one request through its steps, `v2` holds endpoints, `ops` serves operators. The only room
//!   with status codes and headers.
//! - [`cli`]: the commands of the program.
//! - [`app`]: builds all of this from the settings.
//!
//! # The way of a push
//!
//! `docker push` sends layers by POST, PATCH and PUT, then the manifest. One PATCH goes through these files:
//!
//! 1. `net/listener` accepts the connection, `net/tls` ends TLS, `net/connection` speaks HTTP.
//! 2. `http/edge/service` takes the request. `http/v2/router` parses it to an [`Endpoint`](http::Endpoint), and
//!    `http/v2/dispatch` asks `http/edge/guard` for the right that the endpoint carries.
//! 3. `auth/identify` finds the caller, `auth/gate` checks the right and builds an [`Authorized`](auth::Authorized) value.
//! 4. `http/v2/endpoints/upload` passes the body to `registry/upload/receive`, which works in a task of its own, so that a
//!    stored part gets its row even when the client goes away.
//! 5. `registry/upload/write` hashes each frame (`stream/hashing`) and sends it to Kubo (`ipfs/add`).
//! 6. `store/uploads` commits a row for each part, under a claim on its CID that keeps the pin.
//!
//! The closing PUT runs `registry/upload/finish`: it compares the digest, writes the nodes above the leaves
//! (`registry/upload/compose`, `ipld/dag`) and commits the blob (`sql/queries/blob/commit.sql`). The manifest goes through
//! `registry/manifest/put` in one transaction.
//!
//! # The way of a pull
//!
//! GET of a blob takes steps 1 to 3 in the same way. `registry/blob/get` looks up the digest in one round trip; the
//! statement checks the right too (`sql/queries/blob/get.sql`). `registry/blob/read` opens the bytes by `content/door`,
//! which reads them from Kubo (`ipfs/read`, which goes on where it was when Kubo has restarted) and wraps them in
//! `stream/verified`, which holds the last frame back until the digest matches. `http/edge/record` writes one log line and
//! one count when the answer has ended.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod accounts;
pub mod acme;
pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod content;
pub mod embedded;
pub mod http;
pub mod ipfs;
pub mod ipld;
pub mod jobs;
pub mod net;
pub mod oci;
pub mod otlp;
pub mod outbound;
pub mod policy;
pub mod registry;
pub mod rights;
pub mod seal;
pub mod store;
pub mod stream;
pub mod telemetry;
