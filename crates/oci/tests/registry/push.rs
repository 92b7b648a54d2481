//! What goes over the line when images are pushed.

use kubewright_oci::registry::{Options, RegistryError};
use kubewright_testkit::{Registry, registry, require};

use crate::line::Line;
use crate::scene::{amd64, client, client_with, image, index, layered, layout, name, noise};

const MEGABYTE: usize = 1 << 20;

#[tokio::test]
async fn an_index_is_pushed_and_pulled_again() {
    require!(registry::available());
    let server = Registry::start().unwrap();
    let (_here, here) = layout();
    let index = index(&here);
    let to = name(&server.host(), "team/tool:v1");
    let pushed = client(&server.host()).push(&here, &index, &to).await.unwrap();
    assert_eq!((pushed.uploaded, pushed.manifests), (4, 3));
    let (_there, there) = layout();
    let pulled = client(&server.host()).pull(&to, &[], &there).await.unwrap();
    assert_eq!(pulled.digest, index.digest);
    assert_eq!(there.closure(&pulled).unwrap(), here.closure(&index).unwrap());
    for blob in there.closure(&pulled).unwrap() {
        let mut content = there.open_blob(&blob).unwrap();
        std::io::copy(&mut content, &mut std::io::sink()).unwrap();
    }
    assert_eq!(client(&server.host()).resolve(&to).await.unwrap().digest, index.digest);
}

#[tokio::test]
async fn pulling_for_one_platform_leaves_the_others() {
    require!(registry::available());
    let server = Registry::start().unwrap();
    let (_here, here) = layout();
    let index = index(&here);
    let to = name(&server.host(), "team/tool:v1");
    let client = client(&server.host());
    client.push(&here, &index, &to).await.unwrap();
    let (_there, there) = layout();
    let pulled = client.pull(&to, &[amd64()], &there).await.unwrap();
    let image = there.select(&pulled, &amd64()).unwrap();
    assert_eq!(there.closure(&image).unwrap().len(), 3);
    assert!(there.closure(&pulled).is_err(), "the image for arm64 was pulled too");
    let missing = "linux/riscv64".parse().unwrap();
    let error = client.pull(&to, &[missing], &there).await.unwrap_err().to_string();
    assert!(error.contains("no image for linux/riscv64"), "{error}");
}

#[tokio::test]
async fn pushing_again_moves_no_blob() {
    require!(registry::available());
    let server = Registry::start().unwrap();
    let line = Line::to(server.address());
    let (_here, here) = layout();
    let image = image(&here, "linux/amd64", &noise(MEGABYTE, 1));
    let to = name(&line.host(), "team/tool:v1");
    client(&line.host()).push(&here, &image, &to).await.unwrap();
    let first = line.sent();
    assert!(first > MEGABYTE as u64);
    let pushed = client(&line.host()).push(&here, &image, &to).await.unwrap();
    assert_eq!((pushed.uploaded, pushed.bytes, pushed.manifests, pushed.present), (0, 0, 0, 2));
    let again = line.sent() - first;
    assert!(again < 1024, "{again} bytes went over the line");
    // Under another tag, the manifest and nothing else.
    let other = name(&line.host(), "team/tool:v2");
    let pushed = client(&line.host()).push(&here, &image, &other).await.unwrap();
    assert_eq!((pushed.uploaded, pushed.manifests), (0, 1));
    let tagged = line.sent() - first - again;
    assert!(tagged < 4096, "{tagged} bytes went over the line");
}

#[tokio::test]
async fn blobs_of_another_repository_are_mounted() {
    require!(registry::available());
    let server = Registry::start().unwrap();
    let line = Line::to(server.address());
    let (_here, here) = layout();
    let image = image(&here, "linux/amd64", &noise(MEGABYTE, 2));
    let client = client(&line.host());
    client.push(&here, &image, &name(&line.host(), "team/one:v1")).await.unwrap();
    let first = line.sent();
    let pushed = client.push(&here, &image, &name(&line.host(), "team/other:v1")).await.unwrap();
    assert_eq!((pushed.mounted, pushed.uploaded), (2, 0));
    assert!(line.sent() - first < 8192, "{} bytes went over the line", line.sent() - first);
    let (_there, there) = layout();
    client.pull(&name(&line.host(), "team/other:v1"), &[], &there).await.unwrap();
}

/// Debian's registry forgets an upload whose last piece was cut, so what has arrived is what has
/// arrived whole: blobs here, and pieces of a blob where a registry keeps to the specification.
#[tokio::test]
async fn an_interrupted_push_goes_on_where_it_stopped() {
    require!(registry::available());
    let server = Registry::start().unwrap();
    let line = Line::to(server.address());
    let (_here, here) = layout();
    let image = layered(&here, &[2 * MEGABYTE; 4]);
    let to = name(&line.host(), "team/tool:v1");
    let options = || Options { parallel: 1, piece: MEGABYTE as u64, ..Options::default() };
    line.cut_after(5 * MEGABYTE as u64);
    let error = client_with(&line.host(), options()).push(&here, &image, &to).await.unwrap_err();
    assert!(matches!(error, RegistryError::Connection { .. }), "{error}");
    let before = line.sent();
    line.mend();
    // As another process would: all it knows is in the layout and the registry.
    let pushed = client_with(&line.host(), options()).push(&here, &image, &to).await.unwrap();
    assert!(pushed.present >= 2, "{pushed:?}");
    let rest = line.sent() - before;
    assert!(rest < 5 * MEGABYTE as u64, "{rest} bytes were sent after {before}");
    assert!(!here.root().join(".uploads").exists());
    let (_there, there) = layout();
    client(&server.host()).pull(&name(&server.host(), "team/tool:v1"), &[], &there).await.unwrap();
}

/// An upload of many pieces, as large blobs are sent.
#[tokio::test]
async fn a_blob_arrives_in_pieces() {
    require!(registry::available());
    let server = Registry::start().unwrap();
    let (_here, here) = layout();
    let image = image(&here, "linux/amd64", &noise(MEGABYTE, 4));
    let to = name(&server.host(), "team/tool:v1");
    let options = Options { piece: 100_000, ..Options::default() };
    client_with(&server.host(), options).push(&here, &image, &to).await.unwrap();
    let (_there, there) = layout();
    assert_eq!(client(&server.host()).pull(&to, &[], &there).await.unwrap().digest, image.digest);
}

#[tokio::test]
async fn an_index_does_not_lose_a_platform_unasked() {
    require!(registry::available());
    let server = Registry::start().unwrap();
    let (_here, here) = layout();
    let both = index(&here);
    let to = name(&server.host(), "team/tool:v1");
    let pushing = client(&server.host());
    pushing.push(&here, &both, &to).await.unwrap();
    let one = image(&here, "linux/amd64", b"newer");
    let alone = kubewright_oci::image::join(&here, std::slice::from_ref(&one), &Default::default())
        .unwrap();
    for smaller in [&one, &alone] {
        let error = pushing.push(&here, smaller, &to).await.unwrap_err();
        assert!(
            matches!(&error, RegistryError::Loses { lost, .. } if lost[..] == ["linux/arm64"]),
            "{error}"
        );
        assert_eq!(pushing.resolve(&to).await.unwrap().digest, both.digest);
        // By digest, or under another name, nothing is lost.
        pushing.push(&here, smaller, &name(&server.host(), "team/tool:v2")).await.unwrap();
    }
    let replacing = Options { replace: true, ..Options::default() };
    client_with(&server.host(), replacing).push(&here, &alone, &to).await.unwrap();
    assert_eq!(pushing.resolve(&to).await.unwrap().digest, alone.digest);
    // More platforms are no loss.
    pushing.push(&here, &both, &to).await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    require!(registry::available());
    let server = Registry::start().unwrap();
    let (_here, here) = layout();
    let absent = name(&server.host(), "team/absent:v1");
    let error = client(&server.host()).pull(&absent, &[], &here).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{absent} is not there"));
}

#[tokio::test]
async fn a_manifest_is_not_pushed_without_what_it_refers_to() {
    require!(registry::available());
    let server = Registry::start().unwrap();
    let (_here, here) = layout();
    let image = image(&here, "linux/amd64", b"x");
    let layer = here.manifest(&image).unwrap().layers[0].digest;
    std::fs::write(here.blob_path(&layer), noise(111, 1)).unwrap();
    let to = name(&server.host(), "team/tool:v1");
    client(&server.host()).push(&here, &image, &to).await.unwrap_err();
    let (_there, there) = layout();
    let error = client(&server.host()).pull(&to, &[], &there).await.unwrap_err();
    assert!(matches!(error, RegistryError::NotFound(_)), "{error}");
}
