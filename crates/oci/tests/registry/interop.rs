//! skopeo, buildah and containerd read what we write, and we what they write.

use kubewright_oci::{Layout, archive};
use kubewright_testkit::{Containerd, Registry, containerd, registry, require, require::programs};
use serde_json::Value;

use crate::scene::{amd64, client, index, layout, name, run};

#[tokio::test]
async fn skopeo_reads_what_we_push_and_write() {
    require!(registry::available(), programs(&["skopeo"]));
    let server = Registry::start().unwrap();
    let (folder, here) = layout();
    let index = index(&here);
    client(&server.host()).push(&here, &index, &name(&server.host(), "a/b:v1")).await.unwrap();
    let remote = format!("docker://{}/a/b:v1", server.host());
    let raw = run("skopeo", &["inspect", "--tls-verify=false", "--raw", &remote]);
    assert_eq!(raw.as_bytes(), here.read(&index).unwrap());
    let local = format!("oci:{}:latest", here.root().display());
    for (from, to) in [(&remote, "from-registry"), (&local, "from-layout")] {
        let to = folder.path().join(to);
        let target = format!("oci:{}:x", to.display());
        run(
            "skopeo",
            &[
                "copy",
                "--quiet",
                "--src-tls-verify=false",
                "--all",
                "--insecure-policy",
                from,
                &target,
            ],
        );
        // What skopeo wrote we read, and it is the same.
        let copied = Layout::open(&to).unwrap();
        assert_eq!(copied.find("x").unwrap().digest, index.digest);
        assert_eq!(copied.closure(&index).unwrap(), here.closure(&index).unwrap());
    }
}

#[tokio::test]
async fn buildah_builds_on_what_we_write_and_we_read_what_it_wrote() {
    require!(require::root(), registry::available(), programs(&["buildah"]));
    let server = Registry::start().unwrap();
    let (folder, here) = layout();
    let index = index(&here);
    client(&server.host()).push(&here, &index, &name(&server.host(), "a/b:v1")).await.unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let store = ["--storage-driver", "vfs", "--root", &path("root"), "--runroot", &path("run")]
        .map(str::to_owned);
    let context = folder.path().join("context");
    std::fs::create_dir(&context).unwrap();
    let dockerfile = format!("FROM {}/a/b:v1\nCOPY added /etc/added\n", server.host());
    std::fs::write(context.join("Dockerfile"), dockerfile).unwrap();
    std::fs::write(context.join("added"), "by buildah").unwrap();
    let buildah = |args: &[&str]| {
        let store = store.iter().map(String::as_str);
        run("buildah", &store.chain(args.iter().copied()).collect::<Vec<_>>())
    };
    buildah(&[
        "bud",
        "--isolation",
        "chroot",
        "--tls-verify=false",
        "--quiet",
        "-t",
        "built",
        &context.display().to_string(),
    ]);
    let target = format!("oci:{}:built", here.root().display());
    buildah(&["push", "--quiet", "built", &target]);
    let built = here.find("built").unwrap();
    let manifest = here.manifest(&built).unwrap();
    assert_eq!(manifest.layers.len(), 2);
    let config = here.config(&manifest).unwrap();
    assert_eq!(config.config.entrypoint, Some(vec!["/bin/tool".to_owned()]));
    // Our image is still there, under its name.
    assert_eq!(here.find("latest").unwrap().digest, index.digest);
    // What buildah pushed we pull.
    let remote = format!("docker://{}/a/c:v1", server.host());
    buildah(&["push", "--quiet", "--tls-verify=false", "built", &remote]);
    let (_there, there) = layout();
    let name = name(&server.host(), "a/c:v1");
    let pulled = client(&server.host()).pull(&name, &[amd64()], &there).await.unwrap();
    assert_eq!(there.config(&there.manifest(&pulled).unwrap()).unwrap().rootfs, config.rootfs);
}

#[test]
fn skopeo_inspects_an_image_of_a_layout() {
    require!(programs(&["skopeo"]));
    let (_here, here) = layout();
    index(&here);
    let local = format!("oci:{}:latest", here.root().display());
    let arm64 = ["--override-arch", "arm64"];
    let shown = run("skopeo", &[&arm64[..], &["inspect", &local]].concat());
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["Architecture"], &shown["Os"]), (&"arm64".into(), &"linux".into()));
}

#[test]
fn what_docker_saves_is_read() {
    require!(programs(&["skopeo"]));
    let (folder, here) = layout();
    let index = index(&here);
    let saved = folder.path().join("saved.tar");
    // skopeo writes what `docker save` writes.
    let (from, to) = (
        format!("oci:{}:latest", here.root().display()),
        format!("docker-archive:{}:a/b:v1", saved.display()),
    );
    run("skopeo", &["copy", "--quiet", "--insecure-policy", &from, &to]);
    let (_there, there) = layout();
    let image = archive::import(&saved, &there).unwrap();
    let original = here.select(&index, &amd64()).unwrap();
    let configs = [(&here, &original), (&there, &image)]
        .map(|(layout, image)| layout.config(&layout.manifest(image).unwrap()).unwrap());
    assert_eq!(configs[0], configs[1]);
    // Compressed as we compress, a layer is the very same blob again.
    assert_eq!(there.manifest(&image).unwrap().layers, here.manifest(&original).unwrap().layers);
}

#[test]
fn archives_with_other_layers_than_they_say_are_refused() {
    let (folder, here) = layout();
    let config = r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]}}"#;
    let manifest = r#"[{"Config":"c.json","Layers":["a/layer.tar"]}]"#;
    let archive = |layer: &[u8], manifest: &str| {
        let path = folder.path().join("x.tar");
        let mut tar = tar::Builder::new(std::fs::File::create(&path).unwrap());
        for (name, content) in [
            ("manifest.json", manifest.as_bytes()),
            ("c.json", config.as_bytes()),
            ("b/layer.tar", layer),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content).unwrap();
        }
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "a/layer.tar", "../b/layer.tar").unwrap();
        tar.finish().unwrap();
        archive::import(&path, &here).map_err(|error| error.to_string())
    };
    assert!(archive(b"abc", manifest).is_ok());
    let error = archive(b"abd", manifest).unwrap_err();
    assert!(error.contains("layer \"a/layer.tar\" is sha256:"), "{error}");
    let error = archive(b"abc", &manifest.replace("c.json", "/etc/passwd")).unwrap_err();
    assert!(error.contains("\"/etc/passwd\" is not in it"), "{error}");
    let error = archive(b"abc", "[]").unwrap_err();
    assert!(error.contains("it has 0 images"), "{error}");
}

#[tokio::test]
async fn containerd_imports_all_platforms_and_unpacks_its_own() {
    require!(containerd::available());
    let containerd = Containerd::start().await.unwrap();
    let (folder, here) = layout();
    let index = index(&here);
    let path = folder.path().join("images.tar");
    let name = "registry.example/team/tool:v1".to_owned();
    let images = [(name.clone(), index.clone())];
    let file = std::fs::File::create(&path).unwrap();
    archive::export(&here, &images, &amd64(), file).unwrap();
    let socket = containerd.folder().join("s").display().to_string();
    let ctr = |args: &[&str]| run("ctr", &[&["-a", &socket, "-n", "k8s.io"], args].concat());
    ctr(&[
        "images",
        "import",
        "--snapshotter",
        "native",
        "--all-platforms",
        &path.display().to_string(),
    ]);
    let listed = ctr(&["images", "ls"]);
    let line = listed.lines().find(|line| line.starts_with(&name)).unwrap();
    assert!(line.contains(&index.digest.to_string()), "{listed}");
    assert!(line.contains("linux/amd64,linux/arm64"), "{listed}");
    let mounted = folder.path().join("mounted");
    std::fs::create_dir(&mounted).unwrap();
    // What it unpacked is what went in.
    ctr(&["images", "mount", "--snapshotter", "native", &name, &mounted.display().to_string()]);
    let tool = std::fs::read(mounted.join("bin/tool"));
    ctr(&["images", "unmount", "--rm", "--snapshotter", "native", &mounted.display().to_string()]);
    assert_eq!(tool.unwrap(), b"linux/amd64");
}

/// A base of several layers as others make them: in zstd, with links and folders that count.
#[test]
fn a_base_in_zstd_is_built_on() {
    require!(programs(&["skopeo"]));
    let (folder, here) = layout();
    let mut tree = kubewright_oci::Tree::new();
    tree.folder("usr/bin", 0o755).unwrap();
    tree.link("bin", "usr/bin").unwrap();
    let base = kubewright_oci::Image { layers: vec![tree], ..kubewright_oci::Image::new(amd64()) };
    here.tag("base", &base.write(&here).unwrap()).unwrap();
    let zstd = folder.path().join("zstd");
    let (from, to) =
        (format!("oci:{}:base", here.root().display()), format!("oci:{}:base", zstd.display()));
    let format = ["--dest-compress-format", "zstd"];
    run(
        "skopeo",
        &[&["copy", "--quiet", "--insecure-policy"], &format[..], &[&from, &to]].concat(),
    );
    let there = Layout::open(&zstd).unwrap();
    let base = there.find("base").unwrap();
    let layers = there.manifest(&base).unwrap().layers;
    assert!(layers[0].media_type.ends_with("+zstd"), "{layers:?}");
    let mut tree = kubewright_oci::Tree::new();
    tree.file("bin/tool", kubewright_oci::Content::Bytes(b"x".to_vec()), 0o755).unwrap();
    let image = kubewright_oci::Image {
        base: Some(base),
        layers: vec![tree],
        ..kubewright_oci::Image::new(amd64())
    };
    let image = there.manifest(&image.write(&there).unwrap()).unwrap();
    // It went where the link of the base leads.
    let layer = there.open_blob(&image.layers[1]).unwrap();
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(layer));
    let paths = tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned());
    assert_eq!(paths.collect::<Vec<_>>(), [std::path::Path::new("usr/bin/tool")]);
}
