//! Who may order a certificate, and when.

use std::time::Duration;

use af_registry::store::CertificateName;
use uuid::Uuid;

use crate::rig::database;

const LEASE: Duration = Duration::from_secs(60);

fn name() -> CertificateName {
    CertificateName { directory: "https://directory/".into(), names: "a.example,b.example".into() }
}

#[tokio::test]
async fn of_many_that_ask_at_once_one_may_order() {
    let database = database().await;
    let asking = (0..16).map(|_| {
        let store = database.store.clone();
        let claim = async move {
            store.certificates().claim(&name(), Uuid::new_v4(), LEASE, true).await.unwrap()
        };
        tokio::spawn(claim)
    });
    let mut may = 0;
    for asked in asking.collect::<Vec<_>>() {
        may += usize::from(asked.await.unwrap());
    }
    assert_eq!(may, 1);
}

#[tokio::test]
async fn orders_that_fail_grow_rare_and_one_that_does_not_ends_that() {
    let database = database().await;
    let (store, name, who) = (&database.store, name(), Uuid::new_v4());
    let claim =
        async |who, useless| store.certificates().claim(&name, who, LEASE, useless).await.unwrap();
    let elapse = "UPDATE certificates SET retry_at = now(), leased_until = now()";
    let pause = "SELECT extract(epoch FROM retry_at - now())::FLOAT8 FROM certificates";
    for minutes in [2.0, 8.0, 32.0, 128.0, 360.0, 360.0] {
        assert!(claim(who, false).await);
        store.certificates().release(&name, who, None).await.unwrap();
        // Free, and still not to be had by anybody.
        assert!(!claim(who, true).await && !claim(Uuid::new_v4(), true).await);
        let found: f64 = database.admin.query_one(pause, &[]).await.unwrap().get(0);
        let expected = minutes * 60.0 - 30.0..minutes * 72.0 + 1.0;
        assert!(expected.contains(&found), "{found} is not in {expected:?}");
        database.admin.batch_execute(elapse).await.unwrap();
    }
    // When nothing was ordered the pause is short, and the count stays.
    assert!(claim(who, false).await);
    store.certificates().release(&name, who, Some(Duration::ZERO)).await.unwrap();
    assert!(claim(who, false).await);
    // The lease of another is nothing to store by.
    let day = Duration::from_secs(86_400);
    let put = async |who| store.certificates().put(&name, who, "chain", b"sealed", 60 * day).await;
    assert!(!put(Uuid::new_v4()).await.unwrap() && put(who).await.unwrap());
    let stored = store.certificates().get(&name).await.unwrap().unwrap();
    assert!(!stored.due && !stored.free);
    let issued = stored.issued.unwrap();
    assert_eq!((issued.chain.as_str(), issued.sealed.as_slice()), ("chain", &b"sealed"[..]));
    database.admin.batch_execute(elapse).await.unwrap();
    // It is not due; only who cannot use it may order.
    assert!(!claim(who, false).await && claim(who, true).await);
}

#[tokio::test]
async fn a_name_is_proven_until_it_need_not_be() {
    let database = database().await;
    let store = &database.store;
    assert_eq!(store.challenges().get("a.example").await.unwrap(), None);
    for digest in [[1; 32], [2; 32]] {
        store.challenges().put("a.example", &digest).await.unwrap();
        assert_eq!(store.challenges().get("a.example").await.unwrap().unwrap(), digest);
    }
    store.challenges().remove(&["a.example".to_owned()]).await.unwrap();
    assert_eq!(store.challenges().get("a.example").await.unwrap(), None);
}
