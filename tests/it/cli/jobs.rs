//! The commands `jobs list` and `jobs run`.

use af_registry::store::{JobOutcome, JobRun};

use super::Operator;
use crate::rig;
use crate::rig::launch::{data_dir, search_path, with_kubo, working_below};

#[tokio::test]
async fn jobs_are_listed_with_their_last_run() {
    let rig::Database { settings, admin, .. } = rig::database().await;
    let operator = Operator::on(&settings);
    let table = operator.done("jobs list", "");
    let head = table.lines().next().unwrap();
    for column in ["JOB", "PERIOD", "LAST RUN", "OUTCOME", "TOOK", "BACKLOG", "OLDEST", "NEXT RUN"]
    {
        assert!(head.contains(column), "{table}");
    }
    for name in
        ["drop-pins", "expire-uploads", "keep-certificate", "tidy-metrics", "watch-partners"]
    {
        assert!(table.lines().any(|line| line.starts_with(name)), "{table}");
    }
    let insert = "INSERT INTO uploads (id, repository_id, subject, touched_at)
        SELECT gen_random_uuid(), id, 'ann', now() - INTERVAL '9 days' FROM repositories";
    operator.done("repo visibility acme/web private", "");
    admin.batch_execute(insert).await.unwrap();

    let job = |name: &str| {
        let jobs = operator.json("jobs list", "");
        jobs.as_array().unwrap().iter().find(|job| job["name"] == name).unwrap().clone()
    };
    let before = job("expire-uploads");
    assert_eq!((&before["scope"], &before["backlog"]), (&"shared".into(), &1.into()));
    assert!(before["oldest_seconds"].as_f64().unwrap() > 86_400.0, "{before}");
    assert!(before["last_run_at"].is_null() && before["outcome"].is_null(), "{before}");

    let ran = operator.json("jobs run expire-uploads", "");
    assert_eq!((&ran["name"], &ran["items"]), (&"expire-uploads".into(), &1.into()));
    let after = job("expire-uploads");
    assert_eq!((&after["outcome"], &after["backlog"]), (&"ok".into(), &0.into()));
    assert!(after["last_run_at"].is_string() && after["next_run_at"].is_string(), "{after}");
    assert_eq!(job("tidy-metrics")["scope"], "process");
    let pass = "UPDATE repositories SET created_at = created_at - INTERVAL '2 hours'";
    admin.batch_execute(pass).await.unwrap();
    assert_eq!(operator.json("jobs run remove-empty", "")["items"], 1);
    assert_eq!(operator.json("repo list", ""), serde_json::json!([]));
}

#[tokio::test]
async fn the_list_of_jobs_says_why_one_failed() {
    let rig::Database { settings, store, .. } = rig::database().await;
    let operator = Operator::on(&settings);
    let (instance, second) = (uuid::Uuid::new_v4(), std::time::Duration::from_secs(1));
    for times in ["", " 2 times in a row"] {
        store.jobs().claim("drop-pins", instance, second, true).await.unwrap();
        let error = Some("Kubo does not answer".to_owned());
        let run = JobRun { outcome: JobOutcome::Failed, error, took: second, next_in: second };
        store.jobs().finish("drop-pins", instance, &run).await.unwrap();
        let table = operator.done("jobs list", "");
        let last = table.trim_end().lines().last().unwrap();
        assert_eq!(last, format!("drop-pins failed{times}: Kubo does not answer"));
    }
}

#[tokio::test]
async fn a_job_that_cannot_run_here_says_why() {
    let rig::Database { settings, store, .. } = rig::database().await;
    let operator = Operator::on(&settings);
    for name in ["reload-keys", "tidy-metrics"] {
        operator.refused(&format!("jobs run {name}"), "", &[name, "server"]);
    }
    let words = ["keep-certificate", "OPEN_REGISTRY_ACME_DOMAIN"];
    operator.refused("jobs run keep-certificate", "", &words);
    let lease = std::time::Duration::from_secs(60);
    store.jobs().claim("expire-uploads", uuid::Uuid::new_v4(), lease, true).await.unwrap();
    operator.refused("jobs run expire-uploads", "", &["expire-uploads", "another instance"]);
    assert_eq!(operator.call("jobs run sweep", "").code, Some(1));
}

#[tokio::test]
async fn pins_are_dropped_in_the_kubo_of_a_running_server_and_without_one() {
    let (_top, data) = data_dir();
    let mut server = with_kubo().alone(&data).await;
    let mut operator = Operator::of(&data);
    assert_eq!(operator.json("jobs run drop-pins", "")["items"], 0);
    assert_eq!(server.stop().await, Some(0));
    assert_eq!(working_below(&data), [0; 0]);
    operator.0.push(("PATH", search_path()));
    assert_eq!(operator.json("jobs run drop-pins", "")["items"], 0);
    assert_eq!(working_below(&data), [0; 0]);
}
