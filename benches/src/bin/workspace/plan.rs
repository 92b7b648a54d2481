//! What a workspace costs when nothing, little or much is to be done, next to bare git and to one
//! component after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kubewright_benches::numbers::{milliseconds, percentile};
use kubewright_testkit::Federation;
use kubewright_testkit::federation::MEMBERS;
use kubewright_workspace::build::{self, Common, Environment, Keys, Options, Outcome, Report};
use kubewright_workspace::git::State;
use kubewright_workspace::go_module::ModFile;
use kubewright_workspace::graph::{Facts, infer};
use kubewright_workspace::manifest::Manifest;
use kubewright_workspace::name::ComponentName;
use kubewright_workspace::process::Stop;
use kubewright_workspace::progress::Silent;
use kubewright_workspace::sources::Sources;
use kubewright_workspace::sync;
use kubewright_workspace::workspace::Workspace;

/// Times that something quick is measured.
const QUICK: usize = 40;
/// Components of the large federation.
const MANY: usize = 1000;
/// Bytes that each component of the wide federation reads, in MiB: about a second of one processor.
const WORK: usize = 400;

pub(crate) fn measure(rounds: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let federation = Federation::create(folder.path())?;
    ten(&federation, folder.path())?;
    parallel(rounds)?;
    many(rounds)
}

fn ten(federation: &Federation, home: &Path) -> Result<()> {
    let mut workspace = Workspace::open(&federation.workspace().join("workspace.toml"))?;
    workspace.environment = Environment::of_process()
        .with("GOPROXY", "off")
        .with("GOFLAGS", "-mod=mod")
        .with("GOCACHE", home.join("cache"));
    let names: Vec<ComponentName> = workspace.manifest.component.keys().cloned().collect();
    let names: Vec<&ComponentName> = names.iter().collect();
    let options = sync::Options::default();
    let begin = Instant::now();
    for result in sync::sync(&mut workspace, &names, &options, &Silent, &Stop::default())? {
        result?;
    }
    println!("ten repositories cloned: {}", milliseconds(begin.elapsed()));
    let begin = Instant::now();
    ensure!(run(&workspace, None)?.failed.is_empty(), "the ten do not build");
    println!("built, with an empty Go cache: {}", milliseconds(begin.elapsed()));

    let mut ours = Vec::new();
    let mut gits = Vec::new();
    for _ in 0..QUICK {
        let begin = Instant::now();
        let report = run(&workspace, None)?;
        ours.push(begin.elapsed());
        ensure!(report.built.iter().all(|built| built.result == Outcome::Cached), "not a no-op");
        let begin = Instant::now();
        for name in &names {
            let mut status = Command::new("git");
            status.arg("-C").arg(workspace.tree(name)).args(["status", "--porcelain"]);
            ensure!(status.output()?.status.success(), "git status fails");
        }
        gits.push(begin.elapsed());
    }
    let (ours, gits) = (percentile(&mut ours, 50), percentile(&mut gits, 50));
    println!(
        "graph and build that does nothing: p50 {} (goal 100 ms); git status in each, one after the other: {}; ratio {:.2}",
        milliseconds(ours),
        milliseconds(gits),
        ours.as_secs_f64() / gits.as_secs_f64()
    );

    std::fs::write(workspace.tree(&"felix".parse()?).join("touched.go"), "package felix\n")?;
    let begin = Instant::now();
    let report = run(&workspace, None)?;
    let built = report.built.iter().filter(|built| built.result == Outcome::Built);
    let built: BTreeSet<&str> = built.map(|built| built.component.as_str()).collect();
    println!(
        "felix touched: {} of {} rebuilt ({}) in {}",
        built.len(),
        MEMBERS.len(),
        built.iter().copied().collect::<Vec<_>>().join(", "),
        milliseconds(begin.elapsed())
    );
    ensure!(built == BTreeSet::from(["felix", "kube-controllers", "node"]), "not exactly those");
    Ok(())
}

fn run(workspace: &Workspace, jobs: Option<usize>) -> Result<Report> {
    let sources = Sources::of(workspace)?;
    let keys = Keys::of_sources(workspace, &sources, true)?;
    let options = Options { jobs, ..Options::default() };
    Ok(build::build(workspace, &sources, &keys, &options, &Silent, &Stop::default())?)
}

/// Components that need nothing of each other, each of which keeps one processor busy.
fn parallel(rounds: usize) -> Result<()> {
    let jobs = std::thread::available_parallelism()?.get();
    let mut best = [Duration::MAX; 2];
    for _ in 0..rounds {
        for (best, jobs) in best.iter_mut().zip([1, jobs]) {
            let folder = tempfile::tempdir()?;
            let workspace = wide(folder.path(), 4 * jobs.max(2))?;
            let begin = Instant::now();
            let report = run(&workspace, Some(jobs))?;
            ensure!(report.failed.is_empty(), "the wide federation does not build");
            let each = begin.elapsed() / u32::try_from(report.built.len())?;
            *best = each.min(*best);
        }
    }
    println!(
        "independent commands: {} each with -j 1, {} with -j {jobs}; ratio {:.2} (goal 1.7 on two processors)",
        milliseconds(best[0]),
        milliseconds(best[1]),
        best[0].as_secs_f64() / best[1].as_secs_f64()
    );
    Ok(())
}

fn wide(folder: &Path, count: usize) -> Result<Workspace> {
    let mut text = String::new();
    for at in 0..count {
        let script = format!("head -c {WORK}M /dev/zero | sha256sum > out");
        writeln!(
            text,
            "[component.c{at}]\npath = \"c{at}\"\nbuild = {{ command = [\"sh\", \"-c\", \"{script}\"], output = \"out\" }}"
        )?;
        let tree = folder.join(format!("c{at}"));
        std::fs::create_dir(&tree)?;
        kubewright_testkit::federation::git(&tree, &["init", "--quiet"])?;
        std::fs::write(tree.join("file"), "x")?;
        kubewright_testkit::federation::git(&tree, &["add", "file"])?;
        kubewright_testkit::federation::git(&tree, &["commit", "--quiet", "--message", "x"])?;
    }
    let file = folder.join("workspace.toml");
    std::fs::write(&file, text)?;
    Ok(Workspace::open(&file)?)
}

fn many(rounds: usize) -> Result<()> {
    let (text, facts, states) = synthetic(MANY)?;
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        let begin = Instant::now();
        let manifest = Manifest::parse(&text, Path::new("workspace.toml"))?;
        let graph = infer(&manifest, &facts)?;
        let (environment, compilers) = (BTreeMap::new(), BTreeMap::new());
        let common = Common {
            toolchain: "go",
            compilers: &compilers,
            environment: &environment,
            local: true,
            bases: &environment,
        };
        let keys = Keys::plan(&manifest, &graph, &states, BTreeMap::new(), common);
        let last = graph.order().last().context("no components")?;
        ensure!(keys.of(last).as_str().len() == 64, "no key");
        best = best.min(begin.elapsed());
    }
    println!("{MANY} components planned: {} (goal 1 s)", milliseconds(best));
    Ok(())
}

type Synthetic = (String, BTreeMap<ComponentName, Facts>, BTreeMap<ComponentName, State>);

/// So many components, each of which needs up to eight before it.
fn synthetic(count: usize) -> Result<Synthetic> {
    let (mut text, mut facts, mut states) = (String::new(), BTreeMap::new(), BTreeMap::new());
    for at in 0..count {
        let needs: Vec<usize> = (1..=8).filter_map(|step| at.checked_sub(step * step)).collect();
        let names: Vec<String> = needs.iter().map(|need| format!("\"c{need}\"")).collect();
        writeln!(
            text,
            "[component.c{at}]\npath = \"c{at}\"\ndepends_on = [{}]\nbuild = {{ go = \".\", output = \"bin/c{at}\" }}",
            names.join(", ")
        )?;
        let mut module = format!("module x.org/c{at}\n");
        for need in &needs {
            writeln!(module, "require x.org/c{need} v1.0.0")?;
        }
        let imports = needs.iter().map(|need| (format!("x.org/c{need}/pkg"), 3)).collect();
        let name: ComponentName = format!("c{at}").parse()?;
        facts.insert(
            name.clone(),
            Facts { module: Some(ModFile::parse(&module)?), imports, ..Facts::default() },
        );
        let tree = format!("{at:040x}");
        let state = State {
            commit: tree.clone(),
            tree,
            branch: None,
            ahead_behind: None,
            changes: Vec::new(),
            absent: None,
        };
        states.insert(name, state);
    }
    Ok((text, facts, states))
}
