//! Links of a page: to files, to places in them, and pictures.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A link of a page.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    /// Line of the page, from 1.
    pub line: usize,
    /// Where it leads, as written.
    pub to: String,
    /// Its title; of a link to Rust code the name of a function there, a test for example.
    pub title: String,
}

/// Links and pictures of a page that lead to files of the repository or places in the page.
#[must_use]
pub fn relative(markdown: &str) -> Vec<Link> {
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).into_offset_iter();
    let links = events.filter_map(|(event, range)| match event {
        Event::Start(Tag::Link { dest_url, title, .. } | Tag::Image { dest_url, title, .. }) => {
            let line = markdown[..range.start].matches('\n').count() + 1;
            Some(Link { line, to: dest_url.into_string(), title: title.into_string() })
        }
        _ => None,
    });
    links.filter(|link| !link.to.contains("://") && !link.to.starts_with("mailto:")).collect()
}

/// The relative links of the page at `path`, below `root`, that lead nowhere: a file that is not
/// there, a place that a page or a function that a source does not have, or a path out of the
/// repository.
#[must_use]
pub fn broken(root: &Path, path: &Path, markdown: &str) -> Vec<Link> {
    let leads = |link: &Link| {
        let (file, place) = link.to.split_once('#').unwrap_or((&link.to, ""));
        if file.is_empty() {
            // A table of contents names pages that are still to be written by links to nothing.
            return place.is_empty() || anchors(markdown).contains(place);
        }
        let Some(target) = resolved(path, file).map(|target| root.join(target)) else {
            return false;
        };
        let code = target.extension().is_some_and(|name| name == "rs");
        if code && !link.title.is_empty() {
            let function = format!("fn {}(", link.title);
            return std::fs::read_to_string(&target).is_ok_and(|text| text.contains(&function));
        }
        if place.is_empty() {
            return target.exists();
        }
        let Ok(text) = std::fs::read_to_string(&target) else { return false };
        target.extension().is_some_and(|name| name == "md") && anchors(&text).contains(place)
    };
    relative(markdown).into_iter().filter(|link| !leads(link)).collect()
}

/// A link of the page at `path`, from the root of the repository; `None` when it leads out of it.
#[must_use]
pub fn resolved(path: &Path, link: &str) -> Option<PathBuf> {
    let mut target = path.parent()?.to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::Normal(name) => target.push(name),
            Component::ParentDir => {
                if !target.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(target)
}

/// The names of a page's headings, made as GitHub and mdBook make them.
#[must_use]
pub fn anchors(markdown: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let name = slug(&heading.take().unwrap_or_default());
                let repeated = (1..).map(|number| format!("{name}-{number}"));
                let mut names = std::iter::once(name.clone()).chain(repeated);
                anchors.extend(names.find(|name| !anchors.contains(name)));
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    *heading += &text;
                }
            }
            _ => {}
        }
    }
    anchors
}

fn slug(heading: &str) -> String {
    let letters = heading.trim().to_lowercase();
    let kept = letters.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn links_to_files_places_and_pictures_are_followed() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("docs/images")).unwrap();
        std::fs::write(root.path().join("docs/b.md"), "# One `two`, three\n## A\n## A\n").unwrap();
        std::fs::write(root.path().join("docs/images/a.png"), "").unwrap();
        let text = "# Here\n[a](b.md) [b](b.md#one-two-three) [c](b.md#a-1) [d](#here)\n\
            ![e](images/a.png) [f](https://example.org/x.md)\n\n\
            [g](c.md) [h](b.md#four) [i](../../b.md) ![j](images/b.png) [k](#there)\n";
        let broken = broken(root.path(), Path::new("docs/a.md"), text);
        let to: Vec<_> = broken.iter().map(|link| (link.line, link.to.as_str())).collect();
        let wrong = ["c.md", "b.md#four", "../../b.md", "images/b.png", "#there"];
        assert_eq!(to, wrong.map(|link| (5, link)));
    }

    #[test]
    fn the_title_of_a_link_to_code_is_a_function_there() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("a.rs"), "fn it_holds() {}\n").unwrap();
        let text = "[a](a.rs \"it_holds\") [b](a.rs \"it_does_not\")";
        let broken = broken(root.path(), Path::new("README.md"), text);
        let titles: Vec<_> = broken.iter().map(|link| link.title.as_str()).collect();
        assert_eq!(titles, ["it_does_not"]);
    }

    #[test]
    fn links_in_code_are_text() {
        assert_eq!(relative("`[a](b.md)`\n\n```sh\n[a](b.md)\n```\n"), []);
    }
}
