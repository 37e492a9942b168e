//! Any other object store.

use std::sync::Arc;

use cqrs_blobs::BlobStore;
use cqrs_blobs::object_store::memory::InMemory;
use cqrs_blobs::object_store::path::Path;
use cqrs_blobs::object_store::prefix::PrefixStore;
use cqrs_blobs::object_store::{ObjectStore, ObjectStoreExt as _};

use crate::tenant;

#[tokio::test]
async fn a_blob_is_one_object_whose_key_names_tenant_and_id() {
    let objects = Arc::new(InMemory::new());
    let shared: Arc<dyn ObjectStore> = objects.clone();
    let blobs = BlobStore::new(PrefixStore::new(shared, "product/blobs"));
    let reference = blobs.put(&tenant("Acme"), "payroll").await.expect("kept");

    let key = format!("product/blobs/tenant-!acme/{}", reference.id());
    let object = objects.get(&Path::from(key)).await.expect("there");
    assert_eq!(object.bytes().await.expect("readable"), "payroll");
    assert_eq!(blobs.get(&tenant("Acme"), &reference).await.expect("there"), "payroll");
}
