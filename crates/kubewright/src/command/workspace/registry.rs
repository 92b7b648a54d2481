//! Which way registries are spoken to, for all commands that do.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueHint;
use kubewright_oci::registry::{Event, Options};
use kubewright_workspace::push::Done;

use super::meter::{Meter, size};

/// How to speak to registries.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RegistryArgs {
    /// A registry without TLS, as host:port; those of this machine need not be named
    #[arg(long, value_name = "HOST")]
    plain_http: Vec<String>,
    /// A file of certificates to trust, besides those of the system
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    certificate: Vec<PathBuf>,
    /// Blobs at once
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    uploads: u8,
    /// Let what is pushed take a name from an index of more platforms, whose others are lost by it
    #[arg(long)]
    replace: bool,
}

impl RegistryArgs {
    /// Options that tell a meter what happens.
    pub(super) fn options(&self, meter: &Arc<Meter>) -> Options {
        let meter = meter.clone();
        Options {
            plain_http: self.plain_http.clone(),
            certificates: self.certificate.clone(),
            parallel: usize::from(self.uploads),
            replace: self.replace,
            observer: Arc::new(move |event| match event {
                Event::Begin(_, bytes) => meter.more(bytes),
                Event::Moved(_, bytes) => meter.moved(bytes),
                Event::Done(_) => {}
            }),
            ..Options::default()
        }
    }
}

/// What was done for an image.
pub(super) fn told(done: &Done) -> String {
    let pushed = &done.pushed;
    match (pushed.uploaded + pushed.mounted, pushed.manifests) {
        (0, 0) => "there already".to_owned(),
        (0, _) => "named; all of it was there".to_owned(),
        _ => format!(
            "{} sent, {} blobs new, {} taken over, {} there",
            size(pushed.bytes),
            pushed.uploaded,
            pushed.mounted,
            pushed.present
        ),
    }
}
