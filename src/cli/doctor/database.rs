//! PostgreSQL: its version, its settings, its clock, and the rows.

use std::time::Duration;

use super::finding::{Findings, Level};
use crate::cli::progress::size;
use crate::config::{self, Config, Exposure};
use crate::store::{Checkup, RowFault, ServerFacts, Settings, StoreError};

/// The oldest version that is tested, as PostgreSQL writes it.
const OLDEST: i32 = 150_000;
/// Connections of a server beside its pool.
const BESIDE_POOL: i64 = 5;
/// Difference of clocks that is noticed. Tokens allow for less than a minute.
const CLOCK: f64 = 5.0;
const HOUR: Duration = Duration::from_secs(3600);

/// Looks at the database, and returns the connection for further looks if the rows can be read.
pub(super) async fn look(
    config: &Config,
    postgres: &config::Postgres,
    findings: &mut Findings,
) -> Option<Checkup> {
    let settings = match Settings::of(postgres) {
        Ok(settings) => settings,
        Err(error) => {
            findings.add(Level::Broken, "postgres", error.to_string()).means(
                "the server cannot verify PostgreSQL and does not start",
                "correct OPEN_REGISTRY_DB_SSLROOTCERT",
            );
            return None;
        }
    };
    match facts(&settings).await {
        Ok((checkup, facts)) => {
            server(&facts, postgres, findings);
            if settings.tls.came_up_in_clear() {
                findings.exposed(Exposure::Postgres);
            }
            if facts.schema.0 == facts.schema.1 {
                if let Err(error) = rows(config, &checkup, &facts, findings).await {
                    unanswered(&error, findings);
                }
                return Some(checkup);
            }
            None
        }
        Err(error) => {
            unanswered(&error, findings);
            None
        }
    }
}

async fn facts(settings: &Settings) -> Result<(Checkup, ServerFacts), StoreError> {
    let checkup = Checkup::open(settings).await?;
    let facts = checkup.server().await?;
    Ok((checkup, facts))
}

fn unanswered(error: &StoreError, findings: &mut Findings) {
    findings.add(Level::Broken, "postgres", error.to_string()).means(
        "the registry answers requests with 503, or does not start",
        "start PostgreSQL, or correct OPEN_REGISTRY_DB_HOST and the other OPEN_REGISTRY_DB settings; a server that accepts no \
         writes, as a standby, is not used",
    );
}

/// What can be wrong with a server: whether it is so, how bad that is, what it says, what it means, what to do.
type Check = (bool, Level, &'static str, &'static str, &'static str);

fn server(facts: &ServerFacts, postgres: &config::Postgres, findings: &mut Findings) {
    let before = findings.worst();
    for (is_so, level, says, means, todo) in
        durability(facts).into_iter().chain(service(facts)).chain(upkeep(facts))
    {
        if is_so {
            findings.add(level, "postgres", says).means(means, todo);
        }
    }
    let (free, needed) = (facts.free_connections, i64::from(postgres.pool_size) + BESIDE_POOL);
    if free < needed && facts.own_connections == 0 || free <= 0 {
        let says = format!("{free} connections are free, and a server uses up to {needed}");
        findings.add(Level::Warning, "postgres", says).means(
            "requests wait for a connection and fail",
            "raise max_connections of PostgreSQL, or lower OPEN_REGISTRY_DB_POOL_SIZE",
        );
    }
    if facts.clock_ahead.abs() > CLOCK {
        let (seconds, way) =
            (facts.clock_ahead.abs(), if facts.clock_ahead > 0.0 { "ahead of" } else { "behind" });
        let says = format!("the clock of PostgreSQL is {seconds:.0} s {way} this machine's");
        findings.add(Level::Warning, "clock", says).means(
            "tokens and certificates count as expired too early or too late",
            "let NTP set the clocks of both machines",
        );
    }
    if findings.worst() == before {
        let (version, bytes) = (&facts.version, size(u64::try_from(facts.bytes).unwrap_or(0)));
        findings.fine("postgres", format!("version {version}, the database has {bytes}"));
    }
    schema(facts.schema, findings);
}

fn durability(facts: &ServerFacts) -> [Check; 4] {
    [
        (
            !facts.fsync,
            Level::Broken,
            "fsync is off",
            "a crash of its machine can destroy the whole database",
            "set fsync = on",
        ),
        (
            !facts.full_page_writes,
            Level::Broken,
            "full_page_writes is off",
            "a crash of its machine can leave half-written pages",
            "set full_page_writes = on, unless the file system never tears a page",
        ),
        (
            !facts.synchronous,
            Level::Warning,
            "synchronous_commit is off",
            "a crash of PostgreSQL can lose pushes of the last moment that clients were told to be done",
            "set synchronous_commit = on",
        ),
        (
            facts.collation_changed,
            Level::Warning,
            "the rules of sorting have changed since the database was made",
            "an index of text may miss rows",
            "run REINDEX DATABASE and ALTER DATABASE … REFRESH COLLATION VERSION",
        ),
    ]
}

fn service(facts: &ServerFacts) -> [Check; 3] {
    [
        (
            facts.unchecked,
            Level::Broken,
            "session_replication_role is not origin",
            "foreign keys are not checked, so that a blob can go while an image needs it",
            "set it to origin for the role and the database of the registry",
        ),
        (
            facts.number < OLDEST,
            Level::Warning,
            "the version is older than 15",
            "the registry is not tested with it",
            "upgrade PostgreSQL",
        ),
        (
            facts.encoding != "UTF8",
            Level::Warning,
            "the encoding of the database is not UTF8",
            "manifests with some characters are refused",
            "make a database with ENCODING 'UTF8' and move there by backup and restore",
        ),
    ]
}

fn upkeep(facts: &ServerFacts) -> [Check; 3] {
    [
        (
            !facts.autovacuum,
            Level::Warning,
            "autovacuum is off",
            "tables grow without end, and one day PostgreSQL stops to protect itself",
            "set autovacuum = on",
        ),
        (
            facts.oldest_transaction > HOUR,
            Level::Warning,
            "a transaction has been open for more than an hour",
            "removed rows keep their space meanwhile",
            "look for it in pg_stat_activity, and end it",
        ),
        (
            facts.replication_lag > Duration::from_secs(60),
            Level::Warning,
            "a standby is more than a minute behind",
            "a failover to it would lose what was pushed since",
            "look at its load and its network",
        ),
    ]
}

fn schema((found, known): (i32, i32), findings: &mut Findings) {
    match found {
        _ if found == known => {}
        0 => findings.fine("postgres", "no server has used the database yet"),
        _ if found < known => findings.fine(
            "postgres",
            format!("the schema has version {found}; the next start brings it to {known}. Its rows were not looked at"),
        ),
        _ => findings
            .add(Level::Broken, "postgres", format!("the schema has version {found}, this program knows {known}"))
            .means(
                "this program does not start with it",
                "run the newer program, or restore a backup from before the upgrade",
            ),
    }
}

async fn rows(
    config: &Config,
    checkup: &Checkup,
    facts: &ServerFacts,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let faults = checkup.rows(config.limits.upload_idle).await?;
    for (fault, count) in &faults {
        let (level, says, means, todo) = explain(*fault);
        findings.add(level, "rows", format!("{count} {says}")).means(means, todo);
    }
    if faults.is_empty() {
        findings.fine(
            "rows",
            "tags, manifests, blobs and uploads fit together, and none is in quarantine",
        );
    }
    if facts.own_connections == 0 {
        findings.fine("jobs", "no server uses the database now");
        return Ok(());
    }
    let late = checkup.jobs().await?;
    for job in &late {
        let reason = job.last_error.as_deref().unwrap_or("nobody runs it");
        let says = format!("{} has failed {} times: {reason}", job.name, job.failures);
        findings.add(Level::Warning, "jobs", says).means(
            "what this job does is not done",
            format!("read the log, then try `af-registry jobs run {}`", job.name),
        );
    }
    if late.is_empty() {
        findings.fine("jobs", "all jobs run");
    }
    Ok(())
}

/// How bad a fault is, what it says after its number, what it means, and what to do.
type Explanation = (Level, &'static str, &'static str, &'static str);

fn explain(fault: RowFault) -> Explanation {
    let corrupt = |says| {
        let means =
            "the database was changed by hand or is corrupt, and these images cannot be pulled";
        let todo = "push the images again, or restore a backup into a new database";
        (Level::Broken, says, means, todo)
    };
    match fault {
        RowFault::TagWithoutManifest => corrupt("tags name a manifest that their repository lacks"),
        RowFault::ManifestWithoutBlob => {
            corrupt("manifests need a blob that their repository lacks")
        }
        RowFault::ManifestDamaged => corrupt("manifests do not match their digest"),
        RowFault::NeededInQuarantine => (
            Level::Broken,
            "blobs that manifests need are under quarantine",
            "their bytes are lost or damaged, and the images cannot be pulled",
            "push them again, or set OPEN_REGISTRY_DFS_IPFS_REPAIR_URL to a node that has them; `af-registry scrub status` \
             names them",
        ),
        RowFault::OtherInQuarantine => (
            Level::Warning,
            "blobs that no manifest needs are under quarantine",
            "their bytes are lost or damaged, and no image needs them",
            "look for the cause: a disk or a Kubo that loses blocks will lose others",
        ),
        waiting => explain_waiting(waiting),
    }
}

/// As [`explain`], for what waits too long.
fn explain_waiting(fault: RowFault) -> Explanation {
    match fault {
        RowFault::PinLost => (
            Level::Warning,
            "pins were lost before the last collection, which set them again",
            "something else removes pins from this Kubo, and would lose images if it collected as well",
            "let only this registry use the Kubo, and do not run `ipfs repo gc`",
        ),
        RowFault::UnpinOverdue => (
            Level::Warning,
            "CIDs have waited a day to be unpinned",
            "the space of deleted images does not come back",
            "look at the log for what keeps Kubo from unpinning them",
        ),
        RowFault::UploadOverdue => (
            Level::Warning,
            "uploads should have expired a day ago",
            "their bytes take space",
            "run `af-registry jobs run expire-uploads`, which says why it fails",
        ),
        RowFault::CertificateNotOrdered => (
            Level::Warning,
            "certificates could not be ordered at the last attempt",
            "the certificate in use expires when that goes on",
            "look for certificate_order_failed in the log; port 443 must be reachable from the internet",
        ),
        _ => (
            Level::Warning,
            "parts lie beyond the end of their upload",
            "these uploads cannot be finished",
            "nothing: their clients begin anew, and the parts go when the uploads expire",
        ),
    }
}
