//! Certificates: the right to order one, failed orders, and challenges.

use std::time::Duration;

use af_registry::store::CertificateName;
use uuid::Uuid;

use crate::rig::database;

const LEASE: Duration = Duration::from_secs(60);

fn name() -> CertificateName {
    CertificateName { directory: "https://directory/".into(), names: "a.example,b.example".into() }
}

#[tokio::test]
async fn only_one_of_many_concurrent_claims_succeeds() {
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
async fn failed_orders_become_rarer_until_one_succeeds() {
    let database = database().await;
    let (store, name, who) = (&database.store, name(), Uuid::new_v4());
    let claim =
        async |who, useless| store.certificates().claim(&name, who, LEASE, useless).await.unwrap();
    let elapse = "UPDATE certificates SET retry_at = now(), leased_until = now()";
    let pause = "SELECT extract(epoch FROM retry_at - now())::FLOAT8 FROM certificates";
    for minutes in [2.0, 8.0, 32.0, 128.0, 360.0, 360.0] {
        assert!(claim(who, false).await);
        store.certificates().release(&name, who, None).await.unwrap();
        // The right is released, but nobody can claim it during the pause.
        assert!(!claim(who, true).await && !claim(Uuid::new_v4(), true).await);
        let found: f64 = database.admin.query_one(pause, &[]).await.unwrap().get(0);
        let expected = minutes * 60.0 - 30.0..minutes * 72.0 + 1.0;
        assert!(expected.contains(&found), "{found} is not in {expected:?}");
        database.admin.batch_execute(elapse).await.unwrap();
    }
    // If no order was made, the pause is short and no failure is counted.
    assert!(claim(who, false).await);
    store.certificates().release(&name, who, Some(Duration::ZERO)).await.unwrap();
    assert!(claim(who, false).await);
    // An instance without the right cannot store a certificate.
    let day = Duration::from_secs(86_400);
    let put = async |who| store.certificates().put(&name, who, "chain", b"sealed", 60 * day).await;
    assert!(!put(Uuid::new_v4()).await.unwrap() && put(who).await.unwrap());
    let stored = store.certificates().get(&name).await.unwrap().unwrap();
    assert!(!stored.due && !stored.free);
    let issued = stored.issued.unwrap();
    assert_eq!((issued.chain.as_str(), issued.sealed.as_slice()), ("chain", &b"sealed"[..]));
    database.admin.batch_execute(elapse).await.unwrap();
    // No order is due, so only an instance that cannot use the certificate may order.
    assert!(!claim(who, false).await && claim(who, true).await);
}

#[tokio::test]
async fn a_challenge_lasts_until_it_is_removed() {
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
