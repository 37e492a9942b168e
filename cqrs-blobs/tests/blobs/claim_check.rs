//! What every store does.

use std::sync::Mutex;

use cqrs_blobs::{BlobError, BlobRef, BlobStore};
use cqrs_core::prelude::*;
use cqrs_core::testing::TestApp;

use crate::tenant;

#[derive(Serialize, Deserialize, Event)]
struct ScanUploaded {
    #[event(entity_id)]
    scan_id: u32,
    body: Vec<u8>,
}

#[derive(Serialize, Deserialize, Event)]
struct ScanStored {
    #[event(entity_id)]
    scan_id: u32,
    body: BlobRef,
}

#[events_handler(ScanUploaded)]
struct Forget;

impl EventHandler<ScanUploaded> for Forget {
    async fn handle(&self, _: &ScanUploaded, _: &Context) -> HandlerResult {
        Ok(())
    }
}

#[events_handler(ScanStored)]
struct Recognise {
    blobs: BlobStore,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl EventHandler<ScanStored> for Recognise {
    async fn handle(&self, event: &ScanStored, ctx: &Context) -> HandlerResult {
        let body = self.blobs.get(ctx, &event.body).await?;
        self.seen.lock().expect("not poisoned").push(body.into());
        Ok(())
    }
}

/// Both stores, the second in a folder that goes with the guard.
fn stores() -> (tempfile::TempDir, [BlobStore; 2]) {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = BlobStore::directory(folder.path().join("blobs")).expect("a new directory");
    (folder, [BlobStore::memory(), directory].map(|it| it.with_limit(1_000_000)))
}

#[tokio::test]
async fn what_is_too_large_for_an_event_reaches_its_handlers_as_a_reference() {
    let scan: Vec<u8> = (0..200_000_u32).map(|n| (n % 251).to_le_bytes()[0]).collect();
    let (_folder, stores) = stores();
    for blobs in stores {
        let seen = Arc::new(Mutex::new(Vec::<Vec<u8>>::new()));
        let app = App::builder().only(modules![self]).provide(blobs.clone());
        let app = TestApp::from_builder(app.provide(Arc::clone(&seen))).build().expect("wired");
        let ctx = tenant("acme");

        app.expect_failures();
        let refused = app.publish(&ctx, ScanUploaded { scan_id: 1, body: scan.clone() }).await;
        let error = refused.expect_err("over 64 KiB").to_string();
        assert!(error.contains("`scan.uploaded`") && error.contains("BlobStore"), "{error}");

        let body = blobs.put(&ctx, scan.clone()).await.expect("kept");
        app.publish(&ctx, ScanStored { scan_id: 1, body: body.clone() }).await.expect("small");
        app.settled().await;
        assert!(*seen.lock().expect("not poisoned") == [&*scan], "one, unchanged");

        // An event of another tenant that carries the same reference gets nothing.
        app.publish(&tenant("other"), ScanStored { scan_id: 1, body }).await.expect("small");
        app.settled().await;
        assert_eq!(seen.lock().expect("not poisoned").len(), 1);
    }
}

#[tokio::test]
async fn what_was_put_is_got_until_it_is_deleted() {
    let (_folder, stores) = stores();
    for blobs in stores {
        for ctx in [tenant("acme"), Context::system()] {
            for content in [Vec::new(), vec![0], vec![255; 1_000_000]] {
                let reference = blobs.put(&ctx, content.clone()).await.expect("kept");
                assert_eq!(reference.size(), content.len() as u64);
                assert_eq!(blobs.get(&ctx, &reference).await.expect("there"), content);
                blobs.delete(&ctx, &reference).await.expect("deleted");
                blobs.delete(&ctx, &reference).await.expect("gone already");
                let gone = blobs.get(&ctx, &reference).await;
                assert!(
                    matches!(gone, Err(BlobError::NotFound { id, .. }) if id == reference.id())
                );
            }
        }
    }
}

#[tokio::test]
async fn a_reference_of_one_tenant_is_nothing_to_another() {
    let (_folder, stores) = stores();
    for blobs in stores {
        let owner = tenant("Acme");
        let reference = blobs.put(&owner, "payroll").await.expect("kept");
        let never_stored = BlobStore::memory().put(&owner, "payroll").await.expect("kept");
        let others = ["acme", "ACME", "system", "tenant-acme", "incoming", "other"];
        let others = others.iter().filter_map(|id| Context::for_tenant(id).ok());
        for other in others.chain([Context::system()]) {
            let read = blobs.get(&other, &reference).await.expect_err("not theirs").to_string();
            let missing = blobs.get(&other, &never_stored).await.expect_err("nobody's").to_string();
            let id = |reference: &BlobRef| reference.id().to_string();
            assert_eq!(
                read.replace(&id(&reference), ""),
                missing.replace(&id(&never_stored), ""),
                "whether somebody else has it is not told"
            );
            blobs.delete(&other, &reference).await.expect("nothing to delete");
            // The same folder with another case would let one overwrite the other.
            blobs.put(&other, "mine").await.expect("kept");
        }
        assert_eq!(blobs.get(&owner, &reference).await.expect("still there"), "payroll");
    }
}

#[tokio::test]
async fn one_byte_over_the_limit_is_refused_with_both_sizes() {
    let (_folder, stores) = stores();
    for blobs in stores {
        let refused = blobs.put(&tenant("acme"), vec![0; 1_000_001]).await;
        let error = refused.expect_err("one byte too many");
        assert!(matches!(error, BlobError::TooLarge { size: 1_000_001, limit: 1_000_000 }));
        assert!(error.to_string().contains("with_limit"), "{error}");
    }
}

#[tokio::test]
async fn a_reference_with_another_size_or_hash_is_refused() {
    let (_folder, stores) = stores();
    for blobs in stores {
        let ctx = tenant("acme");
        let reference = blobs.put(&ctx, "content").await.expect("kept");
        let other = blobs.put(&ctx, "CONTENT").await.expect("kept");
        let other = serde_json::to_value(other).expect("JSON");
        for (field, value) in [("sha256", other["sha256"].clone()), ("size", u64::MAX.into())] {
            let mut forged = serde_json::to_value(&reference).expect("JSON");
            forged[field] = value;
            let forged: BlobRef = serde_json::from_value(forged).expect("well formed");
            let read = blobs.get(&ctx, &forged).await;
            assert!(matches!(read, Err(BlobError::Corrupt { .. })), "{field}: {read:?}");
        }
    }
}
