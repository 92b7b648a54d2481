//! `kubewright workspace bundle`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Subcommand, ValueHint};
use kubewright_workspace::bundle::containerd::{self, Containerd};
use kubewright_workspace::bundle::{self, BundledImage, Plan};
use kubewright_workspace::image::Images;
use kubewright_workspace::manifest::{self, Manifest};
use kubewright_workspace::push;
use kubewright_workspace::sync;
use kubewright_workspace::workspace::Workspace;

use super::meter::{Meter, size};
use super::place::{self, LocalArgs, PlaceArgs};
use super::progress::Voice;
use super::registry::{RegistryArgs, told};
use crate::failure::{Failure, Outcome};
use crate::output::{FormatArgs, pairs};

/// Where large files are on their way, as with skopeo and buildah: `/tmp` is often memory.
const LARGE: &str = "/var/tmp";

/// Carry the workspace in one file to where there is no network
///
/// Repositories, images, manifests and Go modules: all that a build needs besides its toolchain.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    Create(CreateArgs),
    Verify(VerifyArgs),
    Load(LoadArgs),
}

/// Write the bundle; one that was interrupted goes on
#[derive(Clone, Debug, clap::Args)]
struct CreateArgs {
    /// The file to write [default: the folder's name with .bundle]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    #[command(flatten)]
    local: LocalArgs,
    /// Say what would be in it, and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Check every bit of a bundle, and name what is damaged
#[derive(Clone, Debug, clap::Args)]
struct VerifyArgs {
    /// The bundle
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    format: FormatArgs,
}

/// Take a bundle apart: into a workspace that builds without a network, a registry or containerd
#[derive(Clone, Debug, clap::Args)]
struct LoadArgs {
    /// The bundle
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    registry: RegistryArgs,
    /// Socket of containerd [default: that of ctr]
    #[arg(long, value_name = "SOCKET", requires = "containerd")]
    address: Option<PathBuf>,
    /// Namespace of containerd
    #[arg(long, value_name = "NAME", default_value = "k8s.io")]
    namespace: String,
    /// How containerd unpacks [default: as it is set up]
    #[arg(long, value_name = "NAME", requires = "containerd")]
    snapshotter: Option<String>,
    /// Check the bundle, say what would be loaded, and load nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Where a bundle goes.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// A folder that is not there yet: a whole workspace
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    to: Option<PathBuf>,
    /// A registry, as registry.example/dev in place of the workspace's own: the images
    #[arg(long, value_name = "PREFIX")]
    registry: Option<String>,
    /// The containerd of this machine: the images
    #[arg(long)]
    containerd: bool,
}

pub(super) fn run(args: &Args, place: &PlaceArgs) -> Outcome {
    match &args.verb {
        Verb::Create(args) => create(args, place),
        Verb::Verify(args) => verify(args),
        Verb::Load(args) => load(args),
    }
}

fn create(args: &CreateArgs, place: &PlaceArgs) -> Outcome {
    let workspace = place.open()?;
    let (sources, keys) = args.local.look(&workspace)?;
    let images = Images::of(&workspace, &sources, &keys)?;
    let mut bundled = Vec::new();
    for (name, image) in images.all() {
        let index = images.index(name, image).map_err(|error| {
            Failure::new(error).advise("make the images first: kubewright workspace image")
        })?;
        bundled.push(BundledImage { name: index.reference, descriptor: index.descriptor });
    }
    let stop = place::stop_on_signals()?;
    let plan = Plan::of_workspace(&workspace, &sources, images.layout(), bundled, &stop)?;
    if args.dry_run {
        #[derive(serde::Serialize)]
        struct Line<'a> {
            path: &'a str,
            bytes: u64,
        }
        let items = plan.items().iter();
        let lines: Vec<_> = items
            .map(|item| Line { path: item.path.as_str(), bytes: item.source.size() })
            .collect();
        args.format.output.print(&lines, || {
            let line = |line: &Line<'_>| format!("{:>12}  {}\n", size(line.bytes), line.path);
            lines.iter().map(line).collect()
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = args.file.clone().unwrap_or_else(|| default_file(&workspace));
    let meter = Meter::new("bundle", plan.size());
    let written = bundle::write(&plan, &file, &|bytes| meter.moved(bytes), &stop)?;
    drop(meter);
    args.format.output.print(&written, || {
        let mut lines = vec![
            ("bundle", file.display().to_string()),
            ("files", written.files.to_string()),
            ("size", size(written.bytes)),
        ];
        if written.resumed > 0 {
            lines.push(("went on after", size(written.resumed)));
        }
        pairs(&lines)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn default_file(workspace: &Workspace) -> PathBuf {
    let name = workspace.root.file_name().unwrap_or_default().to_string_lossy();
    PathBuf::from(format!("{}.bundle", if name.is_empty() { "workspace".into() } else { name }))
}

fn verify(args: &VerifyArgs) -> Outcome {
    let meter = meter("verify", &args.file)?;
    let verified = bundle::verify(&args.file, &|bytes| meter.moved(bytes))?;
    drop(meter);
    args.format.output.print(&verified, || {
        pairs(&[
            ("bundle", "is as it was written".to_owned()),
            ("files", verified.files.to_string()),
            ("size", size(verified.bytes)),
            ("components", verified.about.components.len().to_string()),
            ("images", verified.about.images.len().to_string()),
            ("Go modules", verified.about.modules.len().to_string()),
        ])
    })?;
    Ok(ExitCode::SUCCESS)
}

fn meter(what: &'static str, file: &Path) -> Result<Meter, Failure> {
    let found =
        std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Meter::new(what, found.len()))
}

fn load(args: &LoadArgs) -> Outcome {
    if args.dry_run {
        return foretell(args);
    }
    match &args.target.to {
        Some(folder) => load_workspace(args, folder),
        None => load_images(args),
    }
}

/// What would be loaded, of a bundle that is whole.
fn foretell(args: &LoadArgs) -> Outcome {
    if let Some(folder) = &args.target.to {
        bundle::vacant(folder)?;
    }
    let reading = meter("verify", &args.file)?;
    let verified = bundle::verify(&args.file, &|bytes| reading.moved(bytes))?;
    drop(reading);
    let about = verified.about;
    args.format.output.print(&about, || {
        let mut lines: Vec<(&str, String)> = Vec::new();
        if args.target.to.is_some() {
            let component = |one: &bundle::BundledComponent| format!("{} {}", one.name, one.commit);
            lines.extend(about.components.iter().map(|one| ("component", component(one))));
        }
        lines.extend(about.images.iter().map(|image| ("image", image.name.clone())));
        pairs(&lines)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn load_workspace(args: &LoadArgs, folder: &Path) -> Outcome {
    let stop = place::stop_on_signals()?;
    let reading = meter("load", &args.file)?;
    let loaded = bundle::load(&args.file, folder, &|bytes| reading.moved(bytes), &stop)?;
    drop(reading);
    let mut workspace = Workspace::open(&folder.join(manifest::FILE))?;
    let names: Vec<_> = workspace.manifest.component.keys().cloned().collect();
    let names: Vec<_> = names.iter().collect();
    let options = sync::Options::default();
    let mut code = ExitCode::SUCCESS;
    for error in sync::sync(&mut workspace, &names, &options, &Voice::new(), &stop)?
        .into_iter()
        .filter_map(Result::err)
    {
        eprint!("{}", Failure::new(error).report());
        code = ExitCode::FAILURE;
    }
    args.format.output.print(&loaded, || {
        pairs(&[
            ("workspace", folder.display().to_string()),
            ("components", loaded.about.components.len().to_string()),
            ("images", loaded.about.images.len().to_string()),
            ("Go modules", loaded.about.modules.len().to_string()),
        ])
    })?;
    Ok(code)
}

/// Where a bundle is unpacked on its way.
fn spacious() -> PathBuf {
    let asked = std::env::var_os("TMPDIR").filter(|folder| !folder.is_empty());
    match asked.is_none() && Path::new(LARGE).is_dir() {
        true => PathBuf::from(LARGE),
        false => std::env::temp_dir(),
    }
}

fn load_images(args: &LoadArgs) -> Outcome {
    let stop = place::stop_on_signals()?;
    let reading = meter("load", &args.file)?;
    let beside = spacious();
    let (folder, layout, about) =
        bundle::images(&args.file, &beside, &|bytes| reading.moved(bytes), &stop)?;
    drop(reading);
    let mut images: Vec<_> =
        about.images.iter().map(|image| (image.name.clone(), image.descriptor.clone())).collect();
    let names: Vec<String> = match &args.target.registry {
        Some(registry) => {
            let manifest = Manifest::read(&folder.path().join(manifest::FILE))?;
            let own = manifest.workspace.registry.map(|own| own + "/").unwrap_or_default();
            for (name, _) in &mut images {
                let rest = name.strip_prefix(&own).unwrap_or(name);
                *name = format!("{registry}/{rest}");
            }
            let meter = Arc::new(Meter::new("push", 0));
            let options = args.registry.options(&meter);
            let done = push::push(&layout, &images, &options, &stop, &mut |done| {
                meter.line(&format!("{}: {}", done.reference, told(done)));
            })?;
            done.into_iter().map(|done| done.reference).collect()
        }
        None => {
            let containerd = Containerd {
                address: args.address.clone(),
                namespace: args.namespace.clone(),
                snapshotter: args.snapshotter.clone(),
            };
            containerd::import(&containerd, &layout, &images, &stop)?;
            images.into_iter().map(|(name, _)| name).collect()
        }
    };
    args.format.output.print(&names, || names.iter().map(|name| format!("{name}\n")).collect())?;
    Ok(ExitCode::SUCCESS)
}
