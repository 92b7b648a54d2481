//! Pages: which parts each has, and their HTML.
//!
//! A page is a frame around parts. A part is rendered by itself, so that the same HTML is in the
//! page when it is loaded and in the event that replaces it when something changes. All text is
//! escaped by the template engine; the one place that says `safe` is where rendered parts are put
//! into the frame.

pub(crate) mod assets;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;

use crate::metrics::Scrape;
use crate::model::{
    Filter, attention, capacity, controllers, events, networks, nodes, picture, protection,
    summary, waiting,
};
use crate::world::World;

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Overview,
    Nodes,
    Protection,
    Networks,
    PeerPods,
    Controllers,
    Events,
}

/// A part of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Tiles,
    Attention,
    Waiting,
    Nodes,
    Coverage,
    Templates,
    Picture,
    Attachments,
    Networks,
    Configs,
    Capacity,
    Leases,
    Work,
    Warnings,
    Events,
    Latest,
}

/// The most Events on pages that are about something else.
const LATEST: usize = 8;

impl View {
    /// All, in the order of the navigation.
    pub(crate) const ALL: [Self; 7] = [
        Self::Overview,
        Self::Nodes,
        Self::Protection,
        Self::Networks,
        Self::PeerPods,
        Self::Controllers,
        Self::Events,
    ];

    /// Its path.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Nodes => "/nodes",
            Self::Protection => "/protection",
            Self::Networks => "/networks",
            Self::PeerPods => "/peer-pods",
            Self::Controllers => "/controllers",
            Self::Events => "/events",
        }
    }

    /// The view of a path.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.path() == path)
    }

    fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Nodes => "Nodes",
            Self::Protection => "Protection",
            Self::Networks => "Networks",
            Self::PeerPods => "Peer pods",
            Self::Controllers => "Controllers",
            Self::Events => "Events",
        }
    }

    fn parts(self) -> &'static [Part] {
        match self {
            Self::Overview => &[
                Part::Tiles,
                Part::Waiting,
                Part::Attention,
                Part::Picture,
                Part::Capacity,
                Part::Latest,
            ],
            Self::Nodes => &[Part::Waiting, Part::Nodes],
            Self::Protection => &[Part::Coverage, Part::Templates],
            Self::Networks => &[Part::Picture, Part::Attachments, Part::Networks],
            Self::PeerPods => &[Part::Configs, Part::Capacity],
            Self::Controllers => &[Part::Leases, Part::Work, Part::Warnings],
            Self::Events => &[Part::Events],
        }
    }

    /// Whether it has rows to look through.
    fn filters(self) -> bool {
        !matches!(self, Self::Overview | Self::Controllers)
    }
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Tiles => "tiles",
            Self::Attention => "attention",
            Self::Waiting => "waiting",
            Self::Nodes => "nodes",
            Self::Coverage => "coverage",
            Self::Templates => "templates",
            Self::Picture => "picture",
            Self::Attachments => "attachments",
            Self::Networks => "networks",
            Self::Configs => "configs",
            Self::Capacity => "capacity",
            Self::Leases => "leases",
            Self::Work => "work",
            Self::Warnings => "warnings",
            Self::Events => "events",
            Self::Latest => "latest",
        }
    }
}

/// What pages are made of besides the world.
#[derive(Clone, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) view: View,
    pub(crate) filter: &'a Filter,
    pub(crate) scrapes: &'a [Scrape],
    /// Whether metrics are asked for at all.
    pub(crate) scraping: bool,
    pub(crate) now: Timestamp,
    /// Token of the forms.
    pub(crate) csrf: &'a str,
}

/// A rendered part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Section {
    pub(crate) id: &'static str,
    /// Changes with the HTML.
    pub(crate) rev: String,
    pub(crate) html: String,
}

/// Who looks at a page.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Viewer {
    /// Name of the user; none where nobody signs in.
    pub(crate) user: Option<String>,
    /// The cluster, as far as there is a name for it.
    pub(crate) cluster: String,
    pub(crate) csrf: String,
}

/// A page could not be rendered; that is a mistake in a template.
#[derive(Debug, thiserror::Error)]
#[error("cannot render {template}")]
pub(crate) struct RenderError {
    template: &'static str,
    #[source]
    source: minijinja::Error,
}

static TEMPLATES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    macro_rules! add {
        ($($name:literal),+ $(,)?) => {
            $(environment.add_template($name, include_str!(concat!("page/templates/", $name)))?;)+
        };
    }
    add!(
        "frame.html",
        "macros.html",
        "view.html",
        "sign-in.html",
        "message.html",
        "tiles.html",
        "attention.html",
        "waiting.html",
        "nodes.html",
        "coverage.html",
        "templates.html",
        "picture.html",
        "attachments.html",
        "networks.html",
        "configs.html",
        "capacity.html",
        "leases.html",
        "work.html",
        "events.html",
        "latest.html",
    );
    Ok(environment)
});

fn render(template: &'static str, context: Value) -> Result<String, RenderError> {
    let rendered = match &*TEMPLATES {
        Ok(environment) => environment.get_template(template).and_then(|it| it.render(context)),
        Err(error) => Err(minijinja::Error::new(error.kind(), error.to_string())),
    };
    rendered.map_err(|source| RenderError { template, source })
}

/// The parts of a page.
pub(crate) fn sections(world: &World, scene: &Scene<'_>) -> Result<Vec<Section>, RenderError> {
    scene.view.parts().iter().map(|part| section(world, scene, *part)).collect()
}

fn section(world: &World, scene: &Scene<'_>, part: Part) -> Result<Section, RenderError> {
    let Scene { filter, now, .. } = *scene;
    let overview = scene.view == View::Overview;
    let (template, model) = match part {
        Part::Tiles => ("tiles.html", context! { tiles => summary::tiles(world, now) }),
        Part::Attention => {
            let items = attention::attention(world, scene.scrapes, now);
            ("attention.html", context! { items, blind => attention::blind(world) })
        }
        Part::Waiting => ("waiting.html", context! { it => waiting::waiting(world, now) }),
        Part::Nodes => ("nodes.html", context! { table => nodes::nodes(world, filter, now) }),
        Part::Coverage => {
            ("coverage.html", context! { table => protection::coverage(world, filter, now) })
        }
        Part::Templates => ("templates.html", context! { rows => protection::templates(world) }),
        Part::Picture => {
            let notice = networks::notice(world);
            ("picture.html", context! { it => picture::picture(world), notice })
        }
        Part::Attachments => {
            ("attachments.html", context! { table => networks::attachments(world, filter) })
        }
        Part::Networks => ("networks.html", context! { rows => networks::networks(world) }),
        Part::Configs => ("configs.html", context! { table => capacity::configs(world) }),
        Part::Capacity => {
            let (configs, nodes) = (capacity::configs(world), capacity::nodes(world, filter));
            ("capacity.html", context! { table => nodes, notice => configs.notice })
        }
        Part::Leases => ("leases.html", context! { table => controllers::leases(world, now) }),
        Part::Work => {
            let (rows, unreachable) = controllers::work(scene.scrapes);
            ("work.html", context! { rows, unreachable, scraping => scene.scraping })
        }
        Part::Warnings => {
            let mut table = events::warnings(world, now);
            table.rows.truncate(LATEST);
            ("latest.html", context! { table, title => "Latest warnings" })
        }
        Part::Events => ("events.html", context! { table => events::events(world, filter, now) }),
        Part::Latest => {
            let mut table = events::events(world, filter, now);
            table.rows.truncate(LATEST);
            ("latest.html", context! { table, title => "Latest events" })
        }
    };
    let html = render(
        template,
        context! { overview, view => own(scene.view.path()), csrf => scene.csrf, ..model },
    )?;
    let mut hasher = DefaultHasher::new();
    html.hash(&mut hasher);
    Ok(Section { id: part.name(), rev: format!("{:016x}", hasher.finish()), html })
}

/// A whole page.
pub(crate) fn page(
    world: &World,
    scene: &Scene<'_>,
    viewer: &Viewer,
) -> Result<String, RenderError> {
    let sections = sections(world, scene)?;
    let (view, filter) = (scene.view, scene.filter.text());
    render(
        "view.html",
        context! {
            title => view.title(), path => own(view.path()), filters => view.filters(), filter,
            sections, ..frame(Some(viewer))
        },
    )
}

/// The page on which one signs in; `problem` is why the last attempt failed.
pub(crate) fn sign_in(csrf: &str, problem: Option<&str>) -> Result<String, RenderError> {
    render("sign-in.html", context! { title => "Sign in", csrf, problem, ..frame(None) })
}

/// A page that says one thing, such as why something was not done.
pub(crate) fn message(
    title: &str,
    text: &str,
    advice: Option<&str>,
    viewer: Option<&Viewer>,
) -> Result<String, RenderError> {
    render("message.html", context! { title, text, advice, ..frame(viewer) })
}

/// A path of ours, whose slashes need no escaping.
fn own(path: &'static str) -> Value {
    Value::from_safe_string(path.to_owned())
}

/// What the frame of each page needs.
fn frame(viewer: Option<&Viewer>) -> Value {
    let entry = |view: View| context! { path => own(view.path()), title => view.title() };
    let (entries, assets) = (View::ALL.map(entry), own(assets::prefix()));
    context! { entries, viewer, assets, version => env!("CARGO_PKG_VERSION") }
}

#[cfg(test)]
mod tests;
