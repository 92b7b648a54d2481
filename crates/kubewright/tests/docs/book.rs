//! The pages as a whole: the table of contents, what is left out, and mdBook.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use kubewright_testkit::docs::{Page, links};
use kubewright_testkit::require::find;
use libtest_mimic::{Failed, Trial};

use crate::{Source, commands, paths, root, write};

const SUMMARY: &str = "docs/SUMMARY.md";

pub(crate) fn trials(pages: &[Source]) -> Vec<Trial> {
    let in_book = pages.iter().filter(|page| page.path.starts_with("docs"));
    let in_book: BTreeSet<PathBuf> = in_book.map(|page| page.path.clone()).collect();
    let leaving: Vec<String> = in_book_links(pages);
    let read: Vec<(PathBuf, Page)> = pages
        .iter()
        .filter(|page| !page.generated())
        .filter_map(|page| Some((page.path.clone(), Page::read(&page.text).ok()?)))
        .collect();
    vec![
        Trial::test("book/contents", move || contents(&in_book)),
        Trial::test("book/links_stay_in_the_book", move || stay(&leaving)),
        Trial::test("book/left_out", move || left_out(&read)),
        Trial::test("book/what_is_not_there_is_found", not_there),
        Trial::test("book/mdbook", mdbook).with_ignored_flag(find("mdbook").is_none()),
    ]
}

/// Every page is in the table of contents, and nothing else.
fn contents(in_book: &BTreeSet<PathBuf>) -> Result<(), Failed> {
    let text = std::fs::read_to_string(root().join(SUMMARY))?;
    let linked = links::relative(&text).into_iter();
    let linked: BTreeSet<_> =
        linked.filter_map(|link| links::resolved(Path::new(SUMMARY), &link.to)).collect();
    let missing: Vec<_> = in_book.iter().filter(|page| !page.ends_with("SUMMARY.md")).collect();
    let missing: Vec<_> = missing.into_iter().filter(|page| !linked.contains(*page)).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!("not in {SUMMARY}: {missing:?}").into()),
    }
}

/// Links of pages of the book that lead out of it: mdBook has nothing there.
fn in_book_links(pages: &[Source]) -> Vec<String> {
    let of_page = |page: &Source| {
        let path = page.path.clone();
        let links = links::relative(&page.text).into_iter();
        let out = links.filter(move |link| {
            let file = link.to.split('#').next().unwrap_or_default();
            !file.is_empty()
                && links::resolved(&path, file).is_none_or(|to| !to.starts_with("docs"))
        });
        let path = page.path.display().to_string();
        out.map(|link| format!("{path}:{}: {}", link.line, link.to)).collect::<Vec<_>>()
    };
    pages.iter().filter(|page| page.path.starts_with("docs")).flat_map(of_page).collect()
}

fn stay(leaving: &[String]) -> Result<(), Failed> {
    match leaving {
        [] => Ok(()),
        _ => {
            let told = leaving.join("\n");
            Err(format!("name these as `code`, the book does not have them:\n{told}").into())
        }
    }
}

/// The checks of what a page names find what is wrong, and nothing else.
fn not_there() -> Result<(), Failed> {
    let text = "`kubewright frobnicate`, `kubewright up --twice`, `crates/nowhere.rs`\n\n\
        ```sh\nkubewright node token list -o json | kubewright node tokens\n\
        kubewright node \\\n  join --hurry\n```\n\n\
        `kubewright node init|join SEEDER`, `kubewright up --once`, `docs/{guard,node}.md`\n";
    let found = [commands::unknown(text), paths::missing(text)].concat();
    let expected = [
        "kubewright frobnicate: no subcommand \"frobnicate\"",
        "kubewright up --twice: no flag \"--twice\"",
        "kubewright node tokens: no subcommand \"tokens\"",
        "kubewright node join --hurry: no flag \"--hurry\"",
        "crates/nowhere.rs is not in the repository",
    ];
    match found == expected {
        true => Ok(()),
        false => Err(format!("{found:#?}").into()),
    }
}

/// Lists what is not run, and holds it to a tenth of what is.
fn left_out(pages: &[(PathBuf, Page)]) -> Result<(), Failed> {
    let runs: usize = pages.iter().map(|(_, page)| page.runs()).sum();
    let mut counts = [0, 0];
    let mut list = String::new();
    for (path, page) in pages {
        for out in &page.left_out {
            counts[usize::from(out.commands)] += 1;
            list += &format!("{}:{}: {}: {}\n", path.display(), out.line, out.what, out.reason);
        }
    }
    let [texts, commands] = counts;
    list += &format!("{runs} blocks are run, {commands} are not; {texts} texts are not compared\n");
    print!("{list}");
    write("left-out.txt", &list);
    match commands * 10 <= runs {
        true => Ok(()),
        false => Err(format!("{commands} blocks of commands are not run, {runs} are").into()),
    }
}

fn mdbook() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("mdbook");
    command.arg("build").arg(root().join("docs")).arg("--dest-dir").arg(folder.path());
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let warned = said.contains("WARN") || said.contains("ERROR");
    match output.status.success() && !warned && folder.path().join("index.html").exists() {
        true => Ok(()),
        false => Err(said.into_owned().into()),
    }
}
